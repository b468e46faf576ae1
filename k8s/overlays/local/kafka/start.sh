#!/bin/bash
# Formats the volume on its first use, then becomes the broker.
set -euo pipefail
settings=/tmp/server.properties
# Clients come back by the address that the broker tells them: in the cluster its Service's, by a forward their own.
advertised="CLUSTER://kafka.$POD_NAMESPACE.svc:9092,FORWARD://localhost:9094"
cp /etc/kafka-ml/server.properties "$settings"
if [ -n "${EXTERNAL_ADDRESS:-}" ]; then
  advertised+=",EXTERNAL://$EXTERNAL_ADDRESS"
  sed -i -e '/^listeners=/s|$|,EXTERNAL://:9095|' -e '/^listener.security.protocol.map=/s|$|,EXTERNAL:PLAINTEXT|' "$settings"
fi
echo "advertised.listeners=$advertised" >>"$settings"
if [ ! -f /var/lib/kafka/data/meta.properties ]; then
  /opt/kafka/bin/kafka-storage.sh format --standalone --config "$settings" --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
