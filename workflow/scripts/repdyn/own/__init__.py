"""A network of one's own: observed while it trains, fitted, judged, drawn; and all of it from the command line.

record      what is recorded of pairs of points: arrays of one run
observer    recording a torch module in training (the only module here that needs torch)
report      the theory fitted to a record: rates with standard errors, and intervals over several runs
verdict     does the theory apply, and if not, which of its assumptions fails
figure      a report drawn
files       records as CSV, netCDF and npz files; each way in which one can be wrong has its message
command     the command `repdyn`; demo: a small network for it, in numpy
"""
