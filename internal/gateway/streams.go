package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// apiTimeout bounds one question to JetStream. It is also how long a refusal takes to be known: the NATS server does
// not answer what is not permitted.
const apiTimeout = 5 * time.Second

// jetStreamAPI begins the subjects of questions to JetStream.
const jetStreamAPI = "$JS.API."

// streamsOf returns the streams whose subjects overlap with a subject, which may have a wildcard.
func streamsOf(ctx context.Context, js jetstream.JetStream, subject string) (found []*jetstream.StreamInfo, err error) {
	lister := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return nil, err
	}
	for _, name := range names {
		stream, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // it was removed in the meantime
		}
		if err != nil {
			return nil, err
		}
		found = append(found, stream.CachedInfo())
	}
	return found, nil
}

// covers reports whether a stream with these subjects gets all messages of a subject, which may have wildcards.
func covers(subjects []string, subject string) bool {
	tokens := strings.Split(subject, ".")
	for _, each := range subjects {
		pattern := strings.Split(each, ".")
		for i, token := range pattern {
			switch {
			case token == ">" && len(tokens) > i:
				return true
			case i >= len(tokens) || token != tokens[i] && (token != "*" || tokens[i] == ">"):
			case i == len(pattern)-1 && len(pattern) == len(tokens):
				return true
			default:
				continue
			}
			break
		}
	}
	return false
}

// overlap reports whether there are messages that belong to both of two subjects, which may have wildcards.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		switch {
		case as[i] == ">" || bs[i] == ">":
			return true
		case as[i] != bs[i] && as[i] != "*" && bs[i] != "*":
			return false
		}
	}
	return len(as) == len(bs)
}

// streamError says why JetStream did not do what it was asked for.
func streamError(l *Link, err error) error {
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fmt.Errorf("the NATS server at %s has no JetStream: add jetstream {} to its configuration", l.Address())
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("the account at the NATS server %s has no JetStream: add jetstream: enabled to the account", l.Address())
	case errors.As(err, &refused):
		return fmt.Errorf("JetStream at %s refuses: %s", l.Address(), refused.Description)
	case isUnanswered(err):
		return fmt.Errorf("JetStream at %s did not answer in %v: is there no permission to publish to %s>, or has the NATS server too much to do?", l.Address(), apiTimeout, jetStreamAPI)
	}
	return fmt.Errorf("JetStream at %s: %w", l.Address(), err)
}

// isUnanswered reports whether JetStream has not answered.
func isUnanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
}

// WarnOfStreams tells of each JetStream stream whose subjects cover those of the commands: it would acknowledge
// commands in a designer's place. Both ends call it at their start, on a goroutine: it waits for the NATS server. It
// is silent if there is no JetStream, or no permission to ask.
func (l *Link) WarnOfStreams(ctx context.Context, subject string) {
	if l.WaitConnected(ctx) != nil {
		return
	}
	js, err := jetstream.New(l.Conn())
	if err != nil {
		return
	}
	told := map[string]bool{}
	for _, each := range []string{subject, WhoSubject(subject)} {
		ctx, cancel := context.WithTimeout(ctx, apiTimeout)
		found, err := streamsOf(ctx, js, each)
		cancel()
		if err != nil {
			return
		}
		for _, info := range found {
			if name := info.Config.Name; !told[name] {
				told[name] = true
				l.event(EventStream, streamWarning(info, subject))
			}
		}
	}
}

// streamWarning says what a stream does to commands, and the remedy.
func streamWarning(info *jetstream.StreamInfo, subject string) string {
	harm := "it acknowledges each command as a designer would answer it, and commands without a designer are not noticed at once"
	if info.Config.NoAck {
		harm = "commands without a designer are not noticed at once, but time out"
	}
	var kept []string
	for _, each := range info.Config.Subjects {
		if !overlap(each, subject) && !overlap(each, WhoSubject(subject)) {
			kept = append(kept, each)
		}
	}
	if log := LogSubject(subject); !covers(kept, log) {
		kept = append(kept, log)
	}
	return fmt.Sprintf("the JetStream stream %s keeps %s, which covers the commands at %s: %s; let it keep only the record, with: nats stream edit %s --subjects '%s'",
		info.Config.Name, strings.Join(info.Config.Subjects, ", "), subject, harm, info.Config.Name, strings.Join(kept, ","))
}
