"""What type checkers read in place of `__init__.py`, where names are imported when they are asked for."""

from repdyn.own.content import FileError as FileError
from repdyn.own.figure import plot as plot
from repdyn.own.files import read as read
from repdyn.own.files import write as write
from repdyn.own.fits import fit as fit
from repdyn.own.observer import Observer as Observer
from repdyn.own.observer import observe as observe
from repdyn.own.record import MeasuredRates as MeasuredRates
from repdyn.own.record import Record as Record
from repdyn.own.report import PairFit as PairFit
from repdyn.own.report import Report as Report
