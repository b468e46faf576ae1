import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { unfitWays } from './datasetRules'
import { ModeChoice } from './ModeChoice'
import { SemiSupervisedFields } from './SemiSupervisedFields'
import { FIRST_SEMI_SUPERVISED } from './semiSupervised'

async function shown(dataset: { online: boolean } | null, on = false) {
  platform({})
  const unfit = unfitWays(dataset)
  await show(
    <>
      <ModeChoice modes={['classic', 'incremental']} unfit={unfit.modes} value="classic" />
      <SemiSupervisedFields
        values={{ ...FIRST_SEMI_SUPERVISED, on }}
        unfit={unfit.semi_supervised}
        onChange={() => {}}
        errorOf={() => undefined}
      />
    </>,
  )
}

test('what a data set does not go with cannot be chosen, and says why', async () => {
  await shown({ online: false })
  const incremental = screen.getByRole('radio', { name: 'Incremental' })
  expect(incremental).toBeDisabled()
  expect(incremental).toHaveAccessibleDescription(/This data set has an end/)
  expect(screen.getByRole('radio', { name: 'Classic' })).toBeEnabled()
  const semi = screen.getByRole('checkbox', { name: /semi-supervised/ })
  expect(semi).toBeDisabled()
  expect(semi).toHaveAccessibleDescription(/no unlabelled samples/)
})

test('labels that are numbers have no confusion matrix', () => {
  const reason = (...kinds: string[]) =>
    unfitWays({ online: false, labels: kinds.map((kind) => ({ kind })) }).confusion_matrix
  expect(reason('number')).toMatch(/numbers, not classes/)
  expect([reason('class'), reason('number', 'class'), reason()]).toEqual([undefined, undefined, undefined])
})

test('what was chosen before the data set can be taken back', async () => {
  await shown({ online: false }, true)
  expect(screen.getByRole('checkbox', { name: /semi-supervised/ })).toBeEnabled()
})

test('one without end is learnt as it comes alone', async () => {
  await shown({ online: true })
  expect(screen.getByRole('radio', { name: 'Incremental' })).toBeEnabled()
  expect(screen.getByRole('radio', { name: 'Classic' })).toHaveAccessibleDescription(/has no end/)
})

test('a stream goes with all', async () => {
  await shown(null)
  expect(screen.getByRole('radio', { name: 'Incremental' })).toBeEnabled()
  expect(screen.getByRole('checkbox', { name: /semi-supervised/ })).toBeEnabled()
})
