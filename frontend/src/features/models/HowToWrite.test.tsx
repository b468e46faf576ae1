import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { platform, show } from '~/testing/page'
import { HowToWrite } from './HowToWrite'

test.each([
  ['tensorflow', 'scale them in the model (Rescaling(1 / 255)).'],
  ['pytorch', 'scale them in the model (x.float() / 255).'],
])('in %s samples are scaled as its models do that', async (framework, advice) => {
  platform({})
  await show(<HowToWrite framework={framework} distributed={false} />)
  fireEvent.click(await screen.findByText('How to write a model'))
  expect(document.body.textContent).toContain(advice)
})
