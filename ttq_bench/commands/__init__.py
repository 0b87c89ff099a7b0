"""What each command of the CLI does with the layers below: call and print, no logic of its own."""
