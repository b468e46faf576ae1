import { useForm } from '@mantine/form'
import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { checkForm, type DeployForm, EMPTY_FORM, requestOf, sentence } from './deploy'
import { TopicFields } from './TopicFields'

function Form() {
  const form = useForm({ initialValues: { input: '', output: '' } })
  return <TopicFields input={form.getInputProps('input')} output={form.getInputProps('output')} answers="answers" />
}

test('topics that are there are offered as one types', async () => {
  platform({ 'GET /api/topics/': { count: 1, results: [{ name: 'machines' }] } })
  await show(<Form />)
  const [input] = screen.getAllByLabelText(/^Input topic/)
  if (!input) throw new Error('there is no field')
  fireEvent.focus(input)
  fireEvent.change(input, { target: { value: 'mach' } })
  fireEvent.click((await screen.findAllByText('machines'))[0] as HTMLElement)
  expect(input).toHaveValue('machines')
})

test('an inference begins at the beginning, now, at an offset or at a time, and the form says which', () => {
  const form = (start: string): DeployForm => ({ ...EMPTY_FORM, result: '7', input_topic: 'in', start })
  expect(requestOf(form('beginning'))).not.toHaveProperty('start')
  const said: Record<string, string> = {
    now: 'from now on',
    '1200': 'from offset 1200 of each partition',
    '2026-01-31T12:30:00Z': 'from 2026-01-31T12:30:00Z on',
  }
  for (const [start, text] of Object.entries(said)) {
    expect(checkForm(form(start))).not.toHaveProperty('start')
    expect(requestOf(form(start))).toMatchObject({ start })
    expect(sentence(form(start), 'm', undefined)).toContain(text)
  }
  for (const wrong of ['yesterday', '', '-1', '1.5']) expect(checkForm(form(wrong))).toHaveProperty('start')
})
