/** Frameworks as the platform describes them, as far as tests need them. */
import type { Argument, Framework } from '~/lib/api'

function argument(known_as = ''): Argument {
  return { meaning: 'm', expected: 'e', default: '1', alias_of: '', known_as }
}

function framework(
  name: Framework['name'],
  title: string,
  first: string,
  accepted: Record<string, Argument>,
): Framework {
  return {
    name,
    title,
    library: title,
    arguments: {
      fit: { about: '', example: '', first, accepted },
      evaluation: { about: '', example: '', first: '', accepted: {} },
    },
    artifacts: [],
    packages: [],
    files: {},
    converts: true,
    chain: { optimizers: ['adam', 'sgd'], losses: ['mse'], metrics: ['accuracy'] },
  }
}

export const KERAS = framework('tensorflow', 'TensorFlow', 'epochs=10, shuffle=True', {
  epochs: argument(),
  shuffle: argument(),
})
export const TORCH = framework('pytorch', 'PyTorch', 'max_epochs=10, shuffle=True', {
  max_epochs: argument('epochs'),
  shuffle: argument(),
  epochs: argument(),
})
