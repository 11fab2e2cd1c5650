package gateway

import (
	"strings"
	"sync/atomic"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
)

// The events of the two ends: the front, which instruments connect to, and the back, which passes commands on to a
// server.
const (
	EventFailed   Event = "failed"   // an instrument got an error in place of a reply
	EventUnread   Event = "unread"   // an instrument did not take its reply
	EventBusy     Event = "busy"     // a command was refused, since too many wait
	EventServer   Event = "server"   // the server of a back did not answer as it should
	EventRival    Event = "rival"    // another designer serves the subject
	EventDesigner Event = "designer" // a designer was started, or has ended
	EventOutput   Event = "output"   // what a designer that was started has printed
)

// counters are what an end counts.
type counters struct {
	commands atomic.Int64 // that came
	replies  atomic.Int64 // of designers, that were passed on
	errors   atomic.Int64 // that were sent in place of a reply, those that follow among them
	busy     atomic.Int64 // since too many commands waited
	expired  atomic.Int64 // commands that were not executed, since their askers had stopped waiting
	lost     atomic.Int64 // commands of a run whose designer is gone
	unread   atomic.Int64 // replies that an instrument did not take
}

// values returns the counters by their names.
func (c *counters) values() map[string]int64 {
	return map[string]int64{
		"commands": c.commands.Load(), "replies": c.replies.Load(), "errors": c.errors.Load(), "busy": c.busy.Load(),
		"expired": c.expired.Load(), "lost": c.lost.Load(), "unread": c.unread.Load(),
	}
}

// The commands that the ends treat in their own way.
const (
	commandReady    = "ready"
	commandNewRun   = "newrun"
	commandDescribe = "describe"
	commandDone     = "done"
)

// needsNoRun reports whether a command can be answered by a designer that holds no run.
func needsNoRun(name string) bool {
	return name == commandReady || name == commandNewRun || name == commandDescribe
}

// commandOf returns the name of the command in a valid JSON text, or "" if it has none.
func commandOf(body []byte) string {
	name, err := jsondoc.FromValid(body).String("/command")
	if err != nil {
		return ""
	}
	return name
}

// shown returns the name of a command for people.
func shown(name string) string {
	if name == "" {
		return "a message without a command"
	}
	return excerpt.Message(name)
}

// isRefusal reports whether a reply, which is valid JSON, says that the designer could not execute the command.
func isRefusal(reply []byte) bool {
	_, err := jsondoc.FromValid(reply).Type("/error")
	return err == nil
}

// isPrivate reports whether a text is the private subject of an instance, as far as its form tells. What another program
// sends as such must not make a front publish anywhere else.
func isPrivate(subject string) bool {
	instance := subject[strings.LastIndexByte(subject, '.')+1:]
	return len(instance) > 1 && instance[0] == '_' && CheckSubject(instance[1:], false) == nil && CheckSubject(withoutLast(subject), false) == nil
}
