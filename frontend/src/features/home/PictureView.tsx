/** The picture of the pipeline: boxes that are links, connected by animated lines. */
import { AnchorLink } from '~/components/ButtonLink'
import { Dimmed } from '~/components/Dimmed'
import { stateColor } from '~/components/StatusBadge'
import type { Pipeline } from '~/lib/api'
import { ColumnTitle } from './ColumnTitle'
import type { Step } from './checklist'
import { BOX_HEIGHT, BOX_WIDTH, COLUMNS, flows, layoutPicture } from './layout'
import { GhostBox, NodeBox } from './NodeBox'
import classes from './picture.module.css'
import { edgeText } from './words'
import { Zoomable } from './Zoomable'

// Height of the columns' headings, and of the space around the lowest box.
const TITLES = 26
const MARGIN = 6

export function PictureView({ pipeline, steps, width }: { pipeline: Pipeline; steps: readonly Step[]; width: number }) {
  const { nodes, edges } = pipeline
  const ghosts = steps.filter((step) => !step.done).map((step) => ({ key: `step:${step.key}`, column: step.column }))
  const picture = layoutPicture(nodes, edges, ghosts, width)
  return (
    <Zoomable
      width={picture.width}
      height={TITLES + Math.max(picture.height, BOX_HEIGHT) + MARGIN}
      label="Picture of the pipeline"
    >
      <div className={classes.titles} style={{ width: picture.width }}>
        {COLUMNS.map((column, index) => (
          <div key={column} style={{ position: 'absolute', left: picture.columnX[index], width: BOX_WIDTH }}>
            <ColumnTitle column={column} pipeline={pipeline} />
          </div>
        ))}
      </div>
      <div className={classes.picture} style={{ width: picture.width, height: Math.max(picture.height, BOX_HEIGHT) }}>
        <svg width={picture.width} height={picture.height} className={classes.lines} aria-hidden>
          <title>Lines between the boxes</title>
          {picture.lines.map(({ edge, path, width: thickness, label }) => {
            const color = edge.state ? stateColor(edge.state) : 'var(--kml-idle)'
            return (
              <g key={`${edge.source}>${edge.target}`} style={{ color }} data-flows={flows(edge) || undefined}>
                <path d={path} className={classes.line} strokeWidth={thickness} />
                {flows(edge) && <path d={path} className={classes.flow} strokeWidth={thickness + 3} />}
                {label && edgeText(edge) && (
                  <text x={label.x} y={label.y} textAnchor={label.anchor} className={classes.number}>
                    {edgeText(edge)}
                  </text>
                )}
              </g>
            )
          })}
        </svg>
        {picture.boxes.map((box) => {
          const node = nodes.find((pipelineNode) => pipelineNode.key === box.key)
          const step = steps.find((candidate) => `step:${candidate.key}` === box.key)
          return (
            <div
              key={box.key}
              className={classes.place}
              style={{ transform: `translate(${box.x}px, ${box.y}px)`, width: BOX_WIDTH, height: BOX_HEIGHT }}
            >
              {node && <NodeBox node={node} />}
              {step && <GhostBox step={step} number={steps.indexOf(step) + 1} />}
            </div>
          )
        })}
        {picture.boxes.length === 0 && (
          <Dimmed>
            Nothing is running. <AnchorLink to="/training">Training</AnchorLink> shows earlier runs.
          </Dimmed>
        )}
      </div>
    </Zoomable>
  )
}
