package main

import (
	"time"

	"github.com/spf13/cobra"

	"libobe/internal/socket"
)

func newReady(app *app) *cobra.Command {
	var wait, timeout time.Duration
	cmd := &cobra.Command{
		Use:   "ready [ADDRESS]",
		Short: "Does a server answer?",
		Long: `Ask a server {"command": "ready"}: exit status 0 if it answers, 3 if it does not.

` + addressHelp,
		Example: "  obe ready\n  obe ready lab3:61981 --wait 30s && ./measure",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to try again while no server answers")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for the answer, without --wait")
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
	return client, nil
}
