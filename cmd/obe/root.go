package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpTemplate begins with an example, which most readers look for.
const helpTemplate = `{{.Short}}.
{{if .HasExample}}
{{.Example}}
{{end}}{{if .Runnable}}
Usage: {{.UseLine}}{{end}}
{{with .Long}}
{{.}}
{{end}}{{if .HasAvailableSubCommands}}
Commands:
{{range .Commands}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsagesWrapped 100}}{{end}}{{if .HasAvailableSubCommands}}
{{.CommandPath}} COMMAND --help describes a command.
{{end}}`

// newRoot returns the command obe with all its subcommands.
func newRoot(app *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "obe COMMAND",
		Short: "Ask, imitate and record experiment-design servers",
		Long: `Results are printed on the standard output, as JSON, one value a line, and everything else on
the standard error. Exit status: 0; 1 if the server answered with an error, or something that
is not a valid message; 2 if the command line is not valid, or a port is taken; 3 if there is no
server, or no answer in time; 130, 143 and 141 after Ctrl-C, SIGTERM and the end of the program
that reads the output. With NO_COLOR set there are no colours.

obe completion bash prints a script that completes commands and flags in bash; zsh, fish and
powershell have one too.`,
		Example: `  obe ready --wait 30s
  obe call goodset pickiness=4`,
		Version:               version,
		SilenceErrors:         true, // app.run prints them
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{HiddenDefaultCmd: true},
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(app.stdin)
	root.SetOut(app.stdout)
	root.SetErr(app.stderr)
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(
		newReady(app),
		newCall(app),
		newListen(app),
		newRecord(app),
		newReplay(app),
		newManual(app),
	)
	return root
}

// flagError returns an error about the value of a flag without the words of Go's packages.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	problem := "is not a whole number"
	switch {
	case errors.Is(err, strconv.ErrRange):
		problem = "is too large"
	case !errors.Is(err, strconv.ErrSyntax):
		return err
	case invalid.GetFlag().Value.Type() == "bool":
		problem = "is neither true nor false"
	}
	return usage(fmt.Errorf("--%s: %q %s", invalid.GetFlag().Name, invalid.GetValue(), problem))
}

// exclusive is cobra's error about flags that exclude each other.
var exclusive = regexp.MustCompile(`^if any flags in the group .*\[([^]]+)\] were all set$`)

// plainError returns an error of cobra in plain words.
func plainError(err error) error {
	if found := exclusive.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("--%s exclude each other", strings.ReplaceAll(found[1], " ", " and --"))
	}
	return err
}
