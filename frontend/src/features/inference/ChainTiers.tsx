/**
 * The fields of each tier of a chain to be served: what goes up, where to, and the replicas; the rest is under Advanced.
 */
import { Grid, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import { Dimmed } from '~/components/Dimmed'
import { Advanced } from '~/components/FormParts'
import { NumberField } from '~/components/NumberField'
import { clustersNamesListOptions } from '~/lib/api'
import classes from './ChainTiers.module.css'
import type { ChainForm, TierValues } from './chain'

export function ChainTiers({ form }: { form: UseFormReturnType<ChainForm> }) {
  const { tiers, input_topic } = form.values
  const advanced = tiers.some(
    ({ upper_bootstrap_servers, output_bootstrap_servers, cluster, gpu }) =>
      upper_bootstrap_servers || output_bootstrap_servers || cluster !== null || gpu,
  )
  return (
    <Stack gap="md">
      <div className={classes.tiers}>
        {tiers.map((tier, place) => (
          <section key={tier.result} className={classes.tier} aria-label={`Tier ${tier.model_name}`}>
            <Tier form={form} tier={tier} place={place} reads={tiers[place - 1]?.upper_topic ?? input_topic} />
          </section>
        ))}
      </div>
      <Advanced about="other brokers, other clusters, GPUs per tier" pinned={advanced}>
        <Stack gap="lg">
          <Dimmed>
            Brokers as host:port, comma-separated. A tier that writes to other brokers than it reads from answers at
            least once, not exactly once.
          </Dimmed>
          {tiers.map((tier, place) => (
            <Elsewhere key={tier.result} form={form} tier={tier} place={place} />
          ))}
        </Stack>
      </Advanced>
    </Stack>
  )
}

interface TierProps {
  form: UseFormReturnType<ChainForm>
  tier: TierValues
  place: number
}

/** Accessible labels name the sub-model, because every tier has the same fields. */
const named = (label: string, { model_name }: TierValues) => ({ label, 'aria-label': `${label} of ${model_name}` })

function Tier({ form, tier, place, reads }: TierProps & { reads: string }) {
  const field = (name: keyof TierValues) => form.getInputProps(`tiers.${place}.${name}`)
  return (
    <Grid gap="md" align="flex-start">
      <Grid.Col span={{ base: 12, sm: 3 }}>
        <Title order={2} size="h3">
          {tier.model_name}
        </Title>
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          reads {reads || '?'}
        </Text>
      </Grid.Col>
      {tier.limit === null ? (
        <Grid.Col span={{ base: 12, sm: 7 }}>
          <Dimmed>Answers every record that reaches it.</Dimmed>
        </Grid.Col>
      ) : (
        <>
          <Grid.Col span={{ base: 6, sm: 2 }}>
            <NumberField
              {...named('Limit', tier)}
              description="Records below it go up"
              min={0}
              max={1}
              step={0.01}
              decimalScale={4}
              {...field('limit')}
            />
          </Grid.Col>
          <Grid.Col span={{ base: 12, sm: 5 }} order={{ base: 3, sm: 2 }}>
            <TextInput
              {...named('Upper topic', tier)}
              description="Where records below the limit go"
              {...field('upper_topic')}
            />
          </Grid.Col>
        </>
      )}
      <Grid.Col span={{ base: 6, sm: 2 }} order={{ base: 2, sm: 3 }}>
        <NumberField
          {...named('Replicas', tier)}
          description="0: elsewhere"
          min={0}
          max={256}
          allowDecimal={false}
          {...field('replicas')}
        />
      </Grid.Col>
    </Grid>
  )
}

function Elsewhere({ form, tier, place }: TierProps) {
  const clusters = useQuery(clustersNamesListOptions())
  const field = (name: keyof TierValues) => form.getInputProps(`tiers.${place}.${name}`)
  const own = "the platform's own"
  return (
    <Stack gap={4} component="section" aria-label={`Places of ${tier.model_name}`}>
      <Title order={3}>{tier.model_name}</Title>
      <Group gap="md" align="flex-start">
        {tier.limit !== null && (
          <TextInput
            {...named('Upper brokers', tier)}
            w={220}
            placeholder={own}
            {...field('upper_bootstrap_servers')}
          />
        )}
        <TextInput
          {...named('Output brokers', tier)}
          w={220}
          placeholder={own}
          {...field('output_bootstrap_servers')}
        />
        {((clusters.data ?? []).length > 0 || tier.cluster !== null) && (
          <Select
            {...named('Cluster', tier)}
            w={220}
            placeholder={own}
            clearable
            clearButtonProps={{ 'aria-label': `The platform's own cluster for ${tier.model_name}` }}
            data={(clusters.data ?? []).map((cluster) => ({ value: String(cluster.id), label: cluster.name }))}
            {...field('cluster')}
          />
        )}
        <NumberField {...named('GPUs', tier)} w={110} min={0} max={64} allowDecimal={false} {...field('gpu')} />
      </Group>
    </Stack>
  )
}
