"""Work in a Kubernetes cluster: training as Jobs, inference as StatefulSets, in a namespace of their own."""
