package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ServiceName is the name of a gateway among the services of NATS.
const ServiceName = "obe-gateway"

// StatusSubject is where the gateways of a subject tell what they would tell as services of NATS, for accounts that do
// not permit those.
func StatusSubject(subject string) string { return subject + "._status" }

// Presence is what a gateway tells about itself to obe status. Each end makes one with Announce, after it serves.
type Presence struct {
	Version  string // of the tool
	Subject  string // of the commands, with the wildcard if there is one
	Role     string // "listen" or "to"
	Address  string // of the TCP side, for people
	Instance string // private subject of a back; empty for a front
	// Report is called for each question, from any goroutine, and must not block.
	Report func() Report
}

// Report is the state of a gateway at one moment.
type Report struct {
	Counters map[string]int64 `json:"counters"` // by names such as commands, replies, errors, busy, expired
	Record   *LogCounts       `json:"record,omitempty"`
	Runs     []RunReport      `json:"runs"`
}

// RunReport is what an end knows of the run at one subject: a back has one for each designer, a front one for its pin.
type RunReport struct {
	Subject  string    `json:"subject"`           // without a wildcard
	Designer string    `json:"designer"`          // address of the server (back), or the pinned private subject (front); empty: none
	State    string    `json:"state"`             // "idle": no run so far; "run"; "lost": the designer that held it is gone
	Runs     int64     `json:"runs"`              // how many have begun with newrun
	Commands int64     `json:"commands"`          // of all runs
	Last     time.Time `json:"last,omitzero"`     // when the last command came
	Problem  string    `json:"problem,omitempty"` // why the designer did not answer the last command
}

// maxReportedRuns bounds a report: it has to fit into one message.
const maxReportedRuns = 1000

// Announce makes the gateway visible to obe status, as a NATS service. That the NATS server does not permit it is
// told, and no error. The returned function ends it.
func (l *Link) Announce(p Presence) (end func()) {
	host, _ := os.Hostname()
	a := &announcement{link: l, presence: p, config: micro.Config{
		Name: ServiceName, Version: p.Version, Description: "carries the commands of an experiment between TCP and NATS",
		Metadata: map[string]string{
			"subject": p.Subject, "role": p.Role, "address": p.Address, "instance": p.Instance,
			"host": host, "pid": strconv.Itoa(os.Getpid()),
		},
		StatsHandler: func(*micro.Endpoint) any {
			report := p.Report()
			slices.SortFunc(report.Runs, func(a, b RunReport) int { return b.Last.Compare(a.Last) })
			report.Runs = report.Runs[:min(len(report.Runs), maxReportedRuns)]
			return report
		},
	}}
	a.begin()
	l.OnReconnect(a.begin)
	return a.end
}

// announcement is a service on the connection of a link, also when that is another one after a reconnection.
type announcement struct {
	link     *Link
	presence Presence
	config   micro.Config

	mu      sync.Mutex
	conn    *nats.Conn // that has the service
	service micro.Service
	ended   bool
}

func (a *announcement) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	conn := a.link.Conn()
	if a.ended || a.conn == conn {
		return
	}
	service, err := micro.AddService(conn, a.config)
	if err == nil {
		err = service.AddEndpoint("status", micro.HandlerFunc(func(r micro.Request) {
			_ = r.RespondJSON(service.Stats()) // an asker that is gone needs none
		}), micro.WithEndpointSubject(StatusSubject(a.presence.Subject)), micro.WithEndpointQueueGroupDisabled())
	}
	if err != nil { // the connection was closed, or the version is not one
		a.link.event(EventError, "obe status does not show this gateway: "+reason(err))
		return
	}
	a.conn, a.service = conn, service
}

func (a *announcement) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended = true; a.service != nil {
		_ = a.service.Stop() // of a connection that is closed, it has ended already
	}
}

// Seen is a gateway that has told about itself.
type Seen struct {
	ID       string    `json:"id"`
	Subject  string    `json:"subject"`
	Role     string    `json:"role"`
	Address  string    `json:"address"`
	Instance string    `json:"instance,omitempty"`
	Host     string    `json:"host"`
	Process  int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Report
}

// Gateways asks which gateways are there, and waits for the answers. With a subject, which may have a wildcard, it
// returns only those of that subject, also where services of NATS are not permitted.
func (l *Link) Gateways(ctx context.Context, subject string, wait time.Duration) ([]Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	inbox := l.Conn().NewInbox()
	answers := make(chan *nats.Msg, maxGateways)
	subscription, err := l.Conn().ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, err
	}
	defer func() { _ = subscription.Unsubscribe() }()
	everywhere, err := micro.ControlSubject(micro.StatsVerb, ServiceName, "")
	if err != nil {
		return nil, err
	}
	asked := []string{everywhere}
	if subject != "" && !strings.ContainsAny(subject, "*>") {
		asked = append(asked, StatusSubject(subject))
	}
	for _, each := range asked {
		if err := l.Conn().PublishRequest(each, inbox, nil); err != nil {
			return nil, err
		}
	}
	found := map[string]Seen{}
	for unanswered := 0; unanswered < len(asked); {
		select {
		case m := <-answers:
			if m.Header.Get("Status") == "503" { // no responders
				unanswered++
				continue
			}
			seen, err := parseSeen(m.Data)
			if err == nil && (subject == "" || covers([]string{seen.Subject}, subject) || covers([]string{subject}, seen.Subject)) && len(found) < maxGateways {
				found[seen.ID] = seen
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	list := make([]Seen, 0, len(found))
	for _, seen := range found {
		list = append(list, seen)
	}
	slices.SortFunc(list, func(a, b Seen) int {
		if c := strings.Compare(a.Subject, b.Subject); c != 0 {
			return c
		}
		if c := strings.Compare(b.Role, a.Role); c != 0 { // the designers' side first
			return c
		}
		return a.Started.Compare(b.Started)
	})
	return list, nil
}

// maxGateways bounds what answers are kept: anything may answer.
const maxGateways = 10_000

// errNoGateway is of an answer that is none of a gateway.
var errNoGateway = errors.New("this is no gateway")

// parseSeen reads the statistics of a service.
func parseSeen(text []byte) (Seen, error) {
	var stats micro.Stats
	if err := json.Unmarshal(text, &stats); err != nil {
		return Seen{}, err
	}
	if stats.Name != ServiceName || stats.ID == "" || len(stats.Endpoints) == 0 || stats.Endpoints[0] == nil {
		return Seen{}, errNoGateway
	}
	m := stats.Metadata
	seen := Seen{
		ID: stats.ID, Subject: m["subject"], Role: m["role"], Address: m["address"], Instance: m["instance"],
		Host: m["host"], Version: stats.Version, Started: stats.Started,
	}
	seen.Process, _ = strconv.Atoi(m["pid"])
	if err := json.Unmarshal(stats.Endpoints[0].Data, &seen.Report); err != nil {
		return Seen{}, err
	}
	return seen, nil
}
