package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/socket"
	"libobe/internal/transport"
)

func newReady(app *app) *cobra.Command {
	wait, timeout := time.Duration(0), 5*time.Second
	cmd := &cobra.Command{
		Use:   "ready [ADDRESS]",
		Short: "Ask whether a server answers",
		Long: `Send the command ready to a server. The exit status is 0 if there is any reply, and 3 if there
is none. Nothing is printed then but the reason, on the standard error.

` + addressHelp,
		Example: `  obe ready && echo yes
  obe ready lab3:61981 --wait 30s && ./instrument`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().Var((*duration)(&wait), "wait", "how long to try again while no server answers, such as 500ms, 30s or 2m; a number alone is in seconds")
	cmd.Flags().Var((*duration)(&timeout), "timeout", "how long to wait for the reply, if --wait is not given")
	cmd.MarkFlagsMutuallyExclusive("wait", "timeout")
	tls := addTLSFlags(cmd.Flags(), "", socket.RoleClient)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := optionalAddress(args)
		if err != nil {
			return err
		}
		client, err := newClient(app, at, tls)
		if err != nil {
			return err
		}
		defer client.Free()
		if wait > 0 {
			return failure(client.WaitReady(wait))
		}
		_, err = client.TcmdBody([]byte(`{"command": "ready"}`), timeout)
		if errors.Is(err, socket.ErrTimeout) {
			return failure(err, "a program listens there: it may be busy, which a longer --timeout allows for, or speak another protocol")
		}
		if errors.Is(err, transport.ErrRefused) {
			return failure(err, "--wait 30s waits for a server that is starting")
		}
		return failure(err)
	}
	return cmd
}

// newClient returns a client that ends when the program has to.
func newClient(app *app, at address, tls *tlsFlags) (*socket.Client, error) {
	client, err := socket.NewClient(at.host, at.port)
	if err != nil {
		return nil, failure(err)
	}
	if err := tls.apply(client); err != nil {
		client.Free()
		return nil, err
	}
	app.untilStopped(client)
	app.sockets = append(app.sockets, client)
	return client, nil
}
