/** The mark of Kafka-ML. It has no text alternative, because the name stands next to it or labels its parent. */
export function Logo({ size }: { size: number }) {
  return <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width={size} height={size} />
}
