"""`python -m pipelines`: the console command `pix2pix`."""

from pipelines.cli import main

if __name__ == "__main__":
    main()
