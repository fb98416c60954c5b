"""A Ray cluster of two nodes on this machine, for tests: says its address, obeys `kill`, ends with its input."""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args=dict(NODE))
    try:
        second = cluster.add_node(**{name: NODE[name] for name in ("num_cpus", "object_store_memory")})
        cluster.wait_for_nodes()
        print(f"address {cluster.address}", flush=True)  # noqa: T201 - read by the test
        for line in sys.stdin:
            if line.strip() == "kill":
                second.kill_raylet()
                print("killed", flush=True)  # noqa: T201 - read by the test
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
