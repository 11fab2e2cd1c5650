package main

import (
	"github.com/spf13/cobra"
)

// version is that of the library. The build sets it.
var version = "0.0.0-unknown"

// newRoot returns the command obe with all its subcommands.
func newRoot(app *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "obe",
		Short:         "Ask, imitate and record servers of the OBE protocol",
		Version:       version,
		SilenceErrors: true, // app.run prints them
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	root.SetIn(app.stdin)
	root.SetOut(app.stdout)
	root.SetErr(app.stderr)
	root.AddCommand(
		newReady(app),
		newRecord(app),
	)
	return root
}
