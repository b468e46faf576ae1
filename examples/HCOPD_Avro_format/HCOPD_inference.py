"""Sends people to predict as Avro records, by AvroInference, and shows the answers as they come:

python examples/HCOPD_Avro_format/HCOPD_inference.py --input hcopd-in --output hcopd-out

The inference that reads the one topic and answers to the other must run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources.avro_inference import AvroInference
from examples.HCOPD_Avro_format.hcopd_data import DATA_SCHEME, load, records
from examples.scripts import class_of
from examples.topics import answers_of


def main() -> None:
    """Send ``--count`` people that were not sent for training, and print the prediction for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092", help="(default 127.0.0.1:9092)")
    parser.add_argument("--input", default="hcopd-in", help="topic that the inference reads (default hcopd-in)")
    parser.add_argument("--output", default="hcopd-out", help="topic that it answers to (default hcopd-out)")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--offline", action="store_true", help="download nothing, take what there is instead")
    options = parser.parse_args()
    samples = load(offline=options.offline)
    print(samples.what)
    people = samples.held_out_features[: options.count]
    with AvroInference(options.bootstrap_servers, options.input, DATA_SCHEME) as sender:
        for person in records(people):
            sender.send(person)
    # With one partition, predictions come in the order of the records. With more, each says in a header whose it is.
    for answer in answers_of(options.bootstrap_servers, options.output, len(people)):
        print(f"{'ill' if class_of(answer['values']) else 'healthy'}: {answer['values']}")


if __name__ == "__main__":
    main()
