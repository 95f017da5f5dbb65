"""``python -m undegrade``."""

from undegrade.cli import main

if __name__ == "__main__":
    main()
