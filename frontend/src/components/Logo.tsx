/** The mark of Kafka-ML, decorative: its name stands beside it or is said by what holds it. */
export function Logo({ size }: { size: number }) {
  return <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width={size} height={size} />
}
