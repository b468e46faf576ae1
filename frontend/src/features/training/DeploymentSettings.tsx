/** The settings with which a deployment was made. */
import { Code, Stack } from '@mantine/core'
import { CopyAs } from '~/components/CopyAs'
import { type Fact, Facts } from '~/components/Facts'
import type { ChainTraining, Deployment, Incremental } from '~/lib/api'
import { formatMoment, NONE } from '~/lib/format'
import { titleOf, useFrameworks } from '~/lib/frameworks'
import { weightsText } from './chain'
import { argumentText, deployEquivalents, MODES, requestOf, SPLITS, TARGETS, valuesOf } from './form'
import { endText, promotionText, shareText, windowText } from './incremental'
import { semiSupervisedText } from './semiSupervised'

export function DeploymentSettings({ deployment }: { deployment: Deployment }) {
  const described = useFrameworks()
  const frameworks = [...new Set(deployment.results.map((result) => result.framework))]
  const subModels = deployment.results.filter(({ tier }) => tier !== null).map(({ model_name }) => model_name)
  const request = requestOf(deployment.configuration, valuesOf(deployment), frameworks, subModels)
  return (
    <Stack align="flex-start">
      <Facts
        facts={[
          ...frameworks.flatMap((framework) => [
            [
              `${titleOf(described, framework)}: training`,
              written(argumentText(deployment, framework, 'fit')),
            ] as const,
            [
              `${titleOf(described, framework)}: validation and test`,
              written(argumentText(deployment, framework, 'evaluation')),
            ] as const,
          ]),
          deployment.dataset && ['Data set', `${deployment.dataset.name}, version ${deployment.dataset.version}`],
          ['Batch size', deployment.batch_size],
          ['Confusion matrix', deployment.confusion_matrix ? 'yes, on the test samples' : 'no'],
          ...(deployment.incremental
            ? incrementalFacts(deployment.incremental)
            : deployment.dataset
              ? []
              : [['Tested on', SPLITS[deployment.split ?? ''] ?? deployment.split] as const]),
          ['Targets', TARGETS[deployment.targets] ?? deployment.targets],
          ...(deployment.chain ? chainFacts(deployment.chain) : []),
          ['Unlabelled samples', semiSupervisedText(deployment.semi_supervised)],
          ['Seed', deployment.seed],
          ['GPUs for each run', deployment.gpu || 'none'],
          ['Mode', MODES[deployment.mode]?.title ?? deployment.mode],
          ['Deployed', formatMoment(deployment.created_at)],
        ]}
      />
      <CopyAs equivalents={deployEquivalents(request)} />
    </Stack>
  )
}

function incrementalFacts(incremental: Incremental): Fact[] {
  return [
    ['Window size', `at most ${windowText(incremental)}`],
    ['Ends', endText(incremental)],
    ['Validation', shareText(incremental.validation_rate)],
    ['New version', promotionText(incremental)],
  ]
}

function chainFacts({ optimizer, learning_rate, loss, metrics, loss_weights }: ChainTraining): Fact[] {
  return [
    ['Optimizer of the chain', `${optimizer}, learning rate ${learning_rate}`],
    ['Loss of each exit', loss],
    ['Metrics of each exit', metrics.join(', ') || 'none'],
    ['Loss weights', weightsText(loss_weights)],
  ]
}

function written(text: string) {
  return text ? <Code>{text}</Code> : NONE
}
