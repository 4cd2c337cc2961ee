"""The one exception type that command lines show without a traceback."""


class UserError(Exception):
    """An error that the user can mend: its message names the thing at fault and the mend.

    Tools print the message on stderr and exit with a non-zero status; anything else that is raised
    is a defect of ours and keeps its traceback.
    """
