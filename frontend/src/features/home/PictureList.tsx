/** The picture for narrow windows: the columns below one another, each box with what it hands over. */
import { Stack } from '@mantine/core'
import { IconArrowDown } from '@tabler/icons-react'
import type { Pipeline } from '~/lib/api'
import { ColumnTitle } from './ColumnTitle'
import type { Step } from './checklist'
import { COLUMNS, columnOf, flows, fromTop } from './layout'
import { GhostBox, NodeBox } from './NodeBox'
import classes from './picture.module.css'
import { edgeText } from './words'

export function PictureList({ pipeline, steps }: { pipeline: Pipeline; steps: readonly Step[] }) {
  return (
    <Stack gap="sm">
      {COLUMNS.map((column, index) => {
        const nodes = pipeline.nodes.filter((node) => columnOf(node) === index).sort(fromTop)
        const waiting = steps.filter((step) => !step.done && step.column === index)
        if (nodes.length + waiting.length === 0) return null
        return (
          <section key={column}>
            <ColumnTitle column={column} pipeline={pipeline} />
            <Stack gap={6} mt={6}>
              {nodes.map((node) => {
                const into = pipeline.edges.filter((edge) => edge.target === node.key && edgeText(edge))
                return (
                  <div key={node.key}>
                    {into.map((edge) => (
                      <div key={edge.source} className={classes.into} data-flows={flows(edge) || undefined}>
                        <IconArrowDown size={12} aria-hidden />
                        <span className={classes.cut}>
                          {edgeText(edge)} from{' '}
                          {pipeline.nodes.find((pipelineNode) => pipelineNode.key === edge.source)?.name}
                        </span>
                      </div>
                    ))}
                    <NodeBox node={node} />
                  </div>
                )
              })}
              {waiting.map((step) => (
                <GhostBox key={step.key} step={step} number={steps.indexOf(step) + 1} />
              ))}
            </Stack>
          </section>
        )
      })}
    </Stack>
  )
}
