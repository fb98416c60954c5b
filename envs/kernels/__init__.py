"""The step, compiled: every function that changes state or fills flows, and those that encode observations.

Parameter names are the same throughout: `e` is the environment's row of ENV, `p` its SCENARIO, `sites`, `stores` and
`classes` its rows of SITE, STORE and JOB_CLASS, `regs` of REGION, `held` of STORED, `f` of FLOW, `q` its queue of
QUEUED jobs, `now` the rows of HOUR of the step. `r` is a region, `s` one of its stores, `k` a place in the queue.
Passes over jobs follow the queue: earliest deadline first. A step costs O(jobs present + R log R). Python calls
`entries` alone.
"""
