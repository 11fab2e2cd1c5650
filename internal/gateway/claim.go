package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A subject has one designer, unless it is shared: with two, a run would be split between them at random. A back asks
// before it takes the subject, and again after that, since another one may have asked at the same time. Both leave then,
// and try again after times that differ.
//
// While a link between NATS servers is cut, a designer can be on either side. So each back asks from time to time, and
// after each reconnection. One of two leaves the subject then, and keeps its private one: the runs that it holds go on.

// ErrInUse: another designer serves the subject.
var ErrInUse = errors.New("in use")

const (
	// whoTimeout is how long the answer of another designer is waited for.
	whoTimeout = 500 * time.Millisecond
	// claims is how often a back tries to take a subject that others try to take at the same time.
	claims = 5
	// watchInterval is how often a back asks for other designers, and watchPause is before it believes that there is one:
	// it may be one that is about to leave.
	watchInterval = 30 * time.Second
	watchPause    = 4 * time.Second
)

// Serve takes the subject and then the commands, until Close. It waits for a connection to NATS. An error is an ErrInUse
// if another designer serves the subject, and otherwise says what the NATS server does not permit.
func (b *Back) Serve(ctx context.Context) error {
	if b.shared() {
		return b.join(ctx)
	}
	for range claims {
		rival, err := b.rival(ctx)
		if err != nil {
			return err
		}
		if rival != "" {
			return failf(ErrInUse, "%s is in use: another designer's gateway serves it (%s): end that one, or choose another subject; several designers can share one with --queue NAME at each of them", b.config.Subject, rival)
		}
		b.mu.Lock()
		b.claiming = true
		b.mu.Unlock()
		if err = b.join(ctx); err != nil {
			return err
		}
		if rival, err = b.rival(ctx); err == nil && rival == "" {
			b.claimed()
			b.working.Add(1)
			go b.watch()
			return nil
		}
		b.leave()
		if err != nil {
			return err
		}
		select {
		case <-time.After(whoTimeout/2 + rand.N(whoTimeout)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return failf(ErrInUse, "%s is in use: several designers' gateways try to serve it at the same time; start one of them", b.config.Subject)
}

// join subscribes to the subject.
func (b *Back) join(ctx context.Context) error {
	for {
		service, err := b.config.Link.Serve(ctx, ServeConfig{
			Subject: b.config.Subject, Queue: b.config.Queue, MaxMessage: b.config.MaxMessage, Handle: b.handle,
		})
		if err == nil {
			b.mu.Lock()
			b.service = service
			b.mu.Unlock()
			return nil
		}
		if !errors.Is(err, ErrDisconnected) || ctx.Err() != nil {
			return err
		}
	}
}

// claimed begins to execute what came since join.
func (b *Back) claimed() {
	b.mu.Lock()
	b.claiming = false
	held := b.held
	b.held = nil
	b.mu.Unlock()
	for _, r := range held {
		b.handle(r)
	}
}

// leave ends what join began.
func (b *Back) leave() {
	b.mu.Lock()
	service := b.service
	b.service = nil
	b.mu.Unlock()
	service.Close()
	b.mu.Lock()
	held := b.held
	b.held, b.claiming = nil, false
	b.mu.Unlock()
	for _, r := range held {
		b.notYet(r)
	}
}

// notYet refuses a command that came while it is not certain whether this designer serves the subject.
func (b *Back) notYet(r *Request) {
	_ = r.Fail(StatusBusy, fmt.Sprintf("busy: designers are being started at %s; the command was not executed", b.config.Subject))
}

// rival returns the private subject of another designer that serves the subject, or "". It waits for a connection.
func (b *Back) rival(ctx context.Context) (string, error) {
	for {
		if err := b.config.Link.WaitConnected(ctx); err != nil {
			return "", err
		}
		others, err := b.config.Link.Who(ctx, b.config.Subject, time.Now().Add(whoTimeout))
		switch {
		case err == nil && len(others) > 0:
			return others[0], nil
		case err == nil:
			return "", nil
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, ErrDisconnected), errors.Is(err, ErrBroken), errors.Is(err, ErrTimeout), errors.Is(err, ErrBusy):
		default:
			return "", err
		}
	}
}

// watch looks for other designers of the subject until Close.
func (b *Back) watch() {
	defer b.working.Done()
	reconnected := make(chan struct{}, 1)
	b.config.Link.OnReconnect(func() {
		select {
		case reconnected <- struct{}{}:
		default:
		}
	})
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
		case <-b.ctx.Done():
		}
		return b.ctx.Err() == nil
	}
	yielded := false
	for {
		select {
		case <-reconnected:
		case <-time.After(watchInterval*3/4 + rand.N(watchInterval/2)):
		case <-b.ctx.Done():
			return
		}
		rival, err := b.rival(b.ctx)
		if err == nil && rival != "" && pause(watchPause+rand.N(watchPause)) {
			rival, err = b.rival(b.ctx)
		}
		if err != nil || b.ctx.Err() != nil {
			continue
		}
		yielded = b.settle(rival, yielded)
	}
}

// settle leaves the subject to another designer, or takes it again when there is none. It returns whether this back has
// left it.
func (b *Back) settle(rival string, yielded bool) bool {
	b.mu.Lock()
	service := b.service
	b.mu.Unlock()
	if service == nil {
		return yielded
	}
	name := func(private string) string { return private[strings.LastIndexByte(private, '.')+1:] }
	switch {
	case rival == "" && yielded:
		if err := service.Resume(); err != nil {
			return true
		}
		b.config.Tell(EventRival, fmt.Sprintf("%s: the other designer is gone, and this gateway serves the subject again", b.config.Subject))
		return false
	case rival == "":
		return yielded
	case yielded:
		return true
	case name(rival) < name(service.Instance()):
		service.Yield()
		b.config.Tell(EventRival, fmt.Sprintf("%s: another designer's gateway serves the subject, too (%s): this one leaves it, and only continues the run that it holds; end one of them", b.config.Subject, rival))
		return true
	}
	b.config.Tell(EventRival, fmt.Sprintf("%s: another designer's gateway serves the subject, too (%s), and should leave it: end one of them", b.config.Subject, rival))
	return yielded
}
