"""The doctor: whether the engine will start here, in seconds and without loading weights."""

from aimo_solver.app.doctor.diagnosis import DoctorTarget, diagnose
from aimo_solver.app.doctor.finding import Finding, Severity

__all__ = ["DoctorTarget", "Finding", "Severity", "diagnose"]
