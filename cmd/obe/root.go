package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"libobe/internal/suggest"
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
		Short: "Ask, watch, record, imitate and be experiment-design servers",
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
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(
		newReady(app),
		newCall(app),
		newListen(app),
		newRecord(app),
		newReplay(app),
		newWatch(app),
		newDesign(app),
		newSimulate(app),
		newGateway(app),
		newStatus(app),
		newManual(app),
	)
	strict(root)
	return root
}

// flagError returns an error about the value of a flag without the words of Go's packages.
func flagError(ran *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		return usage(unknownFlag(ran, unknown.GetSpecifiedName()))
	}
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

// unknownFlag is the error of a flag that a command does not have.
func unknownFlag(ran *cobra.Command, name string) error {
	var known []string
	ran.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
	hint := ""
	if near := suggest.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("; did you mean --%s?", near)
	} else if ran.Name() == "call" {
		hint = fmt.Sprintf("; a member of the command is written %s=VALUE", name)
	}
	return fmt.Errorf("there is no flag --%s%s", name, hint)
}

// Errors of cobra: required flags, flags that exclude each other, the number of arguments, and a subcommand that
// is almost one.
var (
	required   = regexp.MustCompile(`^required flag\(s\) (.*) not set$`)
	exclusive  = regexp.MustCompile(`^if any flags in the group .*\[([^]]+)\] were all set$`)
	argsCount  = regexp.MustCompile(`(\d+) arg\(s\), (?:only )?received (\d+)$`)
	similarTo  = regexp.MustCompile(`(?s)^(unknown command ".*") for "[^"]*"\n\nDid you mean this\?\n(.*)$`)
	listOfWord = regexp.MustCompile(`\s+`)
)

// plainError returns an error of cobra about a command line in plain words.
func plainError(ran *cobra.Command, err error) error {
	text := err.Error()
	if found := exclusive.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("--%s exclude each other", strings.ReplaceAll(found[1], " ", " and --"))
	}
	if found := required.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("--%s is missing: %s", strings.Trim(strings.ReplaceAll(found[1], `", "`, " and --"), `"`), ran.UseLine())
	}
	if found := argsCount.FindStringSubmatch(text); found != nil {
		wanted, _ := strconv.Atoi(found[1])
		problem := "an argument is missing"
		if received, _ := strconv.Atoi(found[2]); received > wanted {
			problem = "too many arguments"
		}
		return fmt.Errorf("%s: %s", problem, ran.UseLine())
	}
	if found := similarTo.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("%s: did you mean %s?", found[1], listOfWord.ReplaceAllString(strings.TrimSpace(found[2]), " or "))
	}
	return err
}

// strict makes cobra's own commands refuse what they do not know. They would print a help and
// end with 0, which a script takes for what it has asked for.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // then its Args count
		case "help":
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = fmt.Errorf("unknown command %q for %q", rest[0], about.CommandPath())
				}
				if err != nil {
					return err
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		}
	}
}
