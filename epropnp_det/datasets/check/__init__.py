"""What a training would see of an info file and its images, told before it.

``listing`` reads the info files of all layouts into one form; ``image_files``, ``frames`` and
``boxes`` look for faults in it; ``report`` puts what was found into words.
"""

from .check import check_info_file
from .report import Report, error_sentence

__all__ = ["Report", "check_info_file", "error_sentence"]
