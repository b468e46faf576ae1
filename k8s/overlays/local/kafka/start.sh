#!/bin/bash
# Formats the volume on its first use, then becomes the broker.
set -euo pipefail
settings=/tmp/server.properties
# Clients reconnect to the address that the broker advertises: its Service's in the cluster, loopback through a
# port-forward.
advertised="CLUSTER://kafka.$POD_NAMESPACE.svc:9092,LOOPBACK://localhost:9094"
cp /etc/kafka-ml/server.properties "$settings"
if [ -n "${EXTERNAL_ADDRESS:-}" ]; then
  advertised+=",EXTERNAL://$EXTERNAL_ADDRESS"
  sed -i -e '/^listeners=/s|$|,EXTERNAL://:9095|' -e '/^listener.security.protocol.map=/s|$|,EXTERNAL:PLAINTEXT|' "$settings"
fi
echo "advertised.listeners=$advertised" >>"$settings"
if [ ! -f /var/lib/kafka/data/meta.properties ]; then
  # 16 random bytes in Kafka's spelling; never with a hyphen first, which would be an option.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  /opt/kafka/bin/kafka-storage.sh format --standalone --config "$settings" --cluster-id "k${id:1}"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
