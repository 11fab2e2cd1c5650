package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"libobe/internal/command"
	"libobe/internal/experiment"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
	"libobe/internal/transport"
)

// describeTimeout is how long a server may take to describe itself. Servers of optbayesexpt do not answer commands that they
// do not know.
const describeTimeout = 5 * time.Second

// Designer is the server that an instrument asks, over a client.
type Designer struct {
	client     *socket.Client
	timeout    time.Duration // of each command
	experiment *experiment.Experiment
	described  *Description // nil if the server has not described itself
}

// Connect asks a server whether it has the experiment. The error is a *MismatchError if it has another one. Described then
// reports whether the names were compared: of a server that does not describe itself, only the numbers of knobs and
// parameters are known.
func Connect(ctx context.Context, client *socket.Client, e *experiment.Experiment, timeout time.Duration) (*Designer, error) {
	d := &Designer{client: client, timeout: timeout, experiment: e}
	if err := d.ok("ready"); err != nil {
		return nil, err
	}
	var err error
	d.described, err = d.describe(min(timeout, describeTimeout))
	silent := errors.Is(err, socket.ErrTimeout) || errors.Is(err, socket.ErrPeerClosed) || errors.Is(err, transport.ErrReset)
	if err != nil && (!silent || ctx.Err() != nil) {
		return nil, err
	}
	if d.described != nil {
		return d, d.described.compare(e)
	}
	return d, d.compareCounts()
}

// Over returns the same designer, asked over another client.
func (d *Designer) Over(client *socket.Client, timeout time.Duration) *Designer {
	other := *d
	other.client, other.timeout = client, timeout
	return &other
}

// Described reports whether the server describes itself.
func (d *Designer) Described() bool { return d.described != nil }

// describe asks the server for its description. It is nil if the reply is none.
func (d *Designer) describe(timeout time.Duration) (*Description, error) {
	reply, err := d.client.TcmdBody([]byte(`{"command": "describe"}`), timeout)
	if err != nil {
		return nil, err
	}
	return parseDescription(reply), nil
}

// compareCounts is for a server that does not describe itself.
func (d *Designer) compareCounts() error {
	reply, err := d.query("getset")
	if err != nil {
		return err
	}
	var found []string
	knobs, _ := reply.Count("")
	if want := len(d.experiment.Settings); knobs != want {
		found = append(found, fmt.Sprintf("its settings have %d numbers, and those of the file %d", knobs, want))
	}
	if reply, err = d.query("getmean"); err != nil {
		return err
	}
	parameters, _ := reply.Count("")
	if want := len(d.experiment.Parameters); parameters != want {
		found = append(found, fmt.Sprintf("it estimates %d parameters, and the file has %d", parameters, want))
	}
	return mismatch(found)
}

// newRun begins a run. A server that works with the file of an experiment gets the seed, so that the run can be repeated.
func (d *Designer) newRun(seed uint64) error {
	request, err := command.New("newrun")
	if err == nil && d.described != nil && d.described.seeded {
		err = request.SetInt("seed", int64(seed))
	}
	if err != nil {
		return err
	}
	return command.ExpectOK(d.client, request, d.timeout)
}

// setting asks for a good setting.
func (d *Designer) setting() ([]float64, error) {
	return d.numbers("goodset", len(d.experiment.Settings))
}

func (d *Designer) estimate() (mean, std []float64, err error) {
	if mean, err = d.numbers("getmean", len(d.experiment.Parameters)); err == nil {
		std, err = d.numbers("getstd", len(d.experiment.Parameters))
	}
	return mean, std, err
}

// posterior returns the samples of the parameters' distribution, a column for each parameter, and their weights.
func (d *Designer) posterior() (samples [][]float64, weights []float64, err error) {
	reply, err := d.query("getpar")
	if err != nil {
		return nil, nil, err
	}
	rows, _ := reply.Count("")
	columns, _ := reply.Count("/0")
	if rows != len(d.experiment.Parameters) || columns == 0 {
		return nil, nil, fmt.Errorf("getpar: %w: %d rows instead of one for each of %d parameters", command.ErrReply, rows, len(d.experiment.Parameters))
	}
	all := make([]float64, rows*columns)
	if _, _, err := reply.Matrix("", all); err != nil {
		return nil, nil, fmt.Errorf("getpar: %w: %w", command.ErrReply, err)
	}
	for k := range rows {
		samples = append(samples, all[k*columns:(k+1)*columns])
	}
	weights, err = d.numbers("getwgt", columns)
	return samples, weights, err
}

func (d *Designer) ok(name string) error {
	request, err := command.New(name)
	if err != nil {
		return err
	}
	return command.ExpectOK(d.client, request, d.timeout)
}

func (d *Designer) query(name string) (*jsondoc.Document, error) {
	request, err := command.New(name)
	if err != nil {
		return nil, err
	}
	return command.Query(d.client, name, request, d.timeout)
}

// numbers sends a command that is answered with a list of n numbers.
func (d *Designer) numbers(name string, n int) ([]float64, error) {
	reply, err := d.query(name)
	if err != nil {
		return nil, err
	}
	values := make([]float64, n)
	count, err := reply.Doubles("", values)
	if err == nil && count == n {
		return values, nil
	}
	if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) || err == nil {
		count, _ = reply.Count("")
		return nil, fmt.Errorf("%s: %w: %d numbers instead of %d", name, command.ErrReply, count, n)
	}
	return nil, fmt.Errorf("%s: %w: %w", name, command.ErrReply, err)
}
