import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { platform, Refusal, show } from '~/testing/page'
import { TrainButton } from './TrainButton'

test('what keeps a model from being trained is shown, and can be tried again', async () => {
  const asked = platform({ 'POST /api/configurations/of_model/': new Refusal(400, 'there is no model 3') })
  await show(<TrainButton id={3} name="digits" />)
  await userEvent.click(screen.getByRole('button', { name: 'Train digits' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('there is no model 3')
  expect(screen.getByRole('dialog', { name: 'Train digits' })).toBeVisible()
  expect(asked.map(({ body }) => body)).toEqual([{ model: 3 }])
})
