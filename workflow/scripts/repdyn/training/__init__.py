"""How networks are trained: one loop, what it records and when, and the trainers that move networks.

loop          run(ensemble, data, steps, recorders): the loop of every experiment
ensemble      which networks are trained; batches: on what; recorders: what is recorded, and when
compiled      dense networks on a CPU, whole steps compiled; passes: the compiled code
flow          gradient flow of smooth networks, with error control
module        any torch.nn.Module, on a CPU or a GPU
optimisers    the rules by which weights move
checkpoints   where a job that was cut off goes on; job: what every training script does around it
"""
