module kafka-ml/cluster/pause

go 1.26.0
