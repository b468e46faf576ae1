import { useForm } from '@mantine/form'
import { fireEvent, screen, waitFor } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import type { ResultRow } from '~/lib/api'
import { platform, show } from '~/testing/page'
import { type DeployForm, EMPTY_FORM } from './deploy'
import { TierFields } from './TierFields'
import { TopicFields } from './TopicFields'
import { useTierSuggestion } from './useTierSuggestion'

const RESULTS = { edge: { id: 1, model_name: 'edge', tier: 0 }, fog: { id: 2, model_name: 'fog', tier: 1 } }

function Form() {
  const [chosen, choose] = useState<'edge' | 'fog'>('edge')
  const form = useForm<DeployForm>({ initialValues: { ...EMPTY_FORM, output_topic: 'mine' } })
  const suggestion = useTierSuggestion(form, RESULTS[chosen] as unknown as ResultRow)
  return (
    <>
      <TopicFields input={form.getInputProps('input_topic')} output={form.getInputProps('output_topic')} answers="" />
      <TierFields form={form} upper="above" proposed={suggestion?.limit} />
      <button type="button" onClick={() => choose('fog')}>
        the fog
      </button>
    </>
  )
}

test('a tier begins with what fits its chain; what was typed stays, what was filled in follows the result', async () => {
  const tier = (result: number, input_topic: string, upper_topic: string, limit: number, served_by: number | null) => ({
    ...{ result, model: result, model_name: '', input_topic, upper_topic, limit, least_limit: 0.1, served_by },
  })
  const chain = (prefix: string, served: number | null) => ({
    ...{ result: 3, input_topic: `${prefix}-in`, output_topic: `${prefix}-out`, obstacle: '' },
    tiers: [
      tier(1, `${prefix}-in`, `${prefix}-fog`, 0.57, served),
      tier(2, `${prefix}-fog`, `${prefix}-cloud`, 0.76, null),
    ],
  })
  platform({
    // The edge is served already. Another edge gets new topics, while the fog joins the existing ones.
    'GET /api/chains/': ({ path }: { path: string }) =>
      path.includes('joining') ? chain('joined', 9) : chain('free', null),
  })
  await show(<Form />)
  const shown = (label: RegExp) => (screen.getByLabelText(label, { selector: 'input' }) as HTMLInputElement).value
  await waitFor(() => expect(shown(/^Upper topic/)).toBe('free-fog'))
  expect([shown(/^Input topic/), shown(/^Output topic/), shown(/^Limit/)]).toEqual(['free-in', 'mine', '0.57'])
  expect(screen.getByText(/proposed: 0.57/)).toBeInTheDocument()
  fireEvent.change(screen.getByLabelText(/^Limit/), { target: { value: '0.9' } })
  fireEvent.click(screen.getByText('the fog'))
  await waitFor(() => expect(shown(/^Upper topic/)).toBe('joined-cloud'))
  expect([shown(/^Input topic/), shown(/^Output topic/), shown(/^Limit/)]).toEqual(['joined-fog', 'mine', '0.9'])
})
