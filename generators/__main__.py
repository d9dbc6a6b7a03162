"""Write the generated reference pages and `deployments/prefect.yaml`: `make generate`."""

from generators.reference import main

main()
