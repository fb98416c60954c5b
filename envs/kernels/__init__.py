"""The compiled step: all functions that change state, fill flows or encode observations.

Parameter names are the same throughout. `e` is the environment's row of ENV and `p` its row of SCENARIO. `sites`,
`stores`, `classes`, `regs`, `held` and `f` are its rows of SITE, STORE, JOB_CLASS, REGION, STORED and FLOW. `q` is its
queue, rows of QUEUED. `now` is the rows of HOUR of the step. `r` is a region, `s` one of its stores, and `k` a place in
the queue. Passes over jobs follow the order of the queue: earliest deadline first. A step takes O(jobs present +
R log R) time. Python calls only the functions of `entries`.
"""
