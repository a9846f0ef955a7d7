"""The contact sheet of all operations: `python -m flowers_keras.augment --output=sheet.png [PHOTO]`."""

from flowers_keras import errors
from flowers_keras.augment import contact_sheet

if __name__ == "__main__":
    errors.run_command(contact_sheet.main)
