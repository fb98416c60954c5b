"""Schedules: for each job of an episode, in which steps and where it runs.

A search (`search`) places one job after the other at its least cost, given where all others run, and then takes groups
of jobs out and places them again. Costs come from tables of the sites (`cells`), which are made with the site model. A
schedule of a whole episode, with everything known, is played in the simulator (`replay`); the cheapest that was found
is the best known schedule of the episode (`best`). Planners search over schedules of the jobs that they know.
"""
