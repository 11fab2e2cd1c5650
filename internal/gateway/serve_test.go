package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"libobe/internal/systemtest"
	"libobe/internal/systemtest/natsserver"
)

// Who finds the instances of a subject, but not those of its own link.
func TestWho(t *testing.T) {
	server := natsserver.Start(t)
	asker, first := newLink(t, server), newLink(t, server)
	who := func(l *Link, subject string, wait time.Duration) []string {
		t.Helper()
		found, err := l.Who(context.Background(), subject, time.Now().Add(wait))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	begin := time.Now()
	if found := who(asker, "obe.nv3", systemtest.Timeout); len(found) != 0 || time.Since(begin) > systemtest.Soon {
		t.Errorf("without a service: %v, after %v", found, time.Since(begin))
	}
	service := echo(t, first, "obe.nv3")
	if found := who(asker, "obe.nv3", systemtest.Timeout); len(found) != 1 || found[0] != service.Instance() {
		t.Errorf("one service: %v, not %v", found, service.Instance())
	}
	if found := who(first, "obe.nv3", 50*time.Millisecond); len(found) != 0 {
		t.Errorf("the service found itself: %v", found)
	}
	wild := echo(t, first, "obe.lab.*")
	if found := who(asker, "obe.lab.*", systemtest.Timeout); len(found) != 1 || found[0] != strings.Replace(wild.Instance(), "*", "_", 1) {
		t.Errorf("service with a wildcard: %v", found)
	}
	if found := who(asker, "obe.lab.nv7", systemtest.Timeout); len(found) != 1 || found[0] != strings.Replace(wild.Instance(), "*", "nv7", 1) {
		t.Errorf("service with a wildcard, one subject: %v", found)
	}
}

// A service with a wildcard gets the subject of each command, also over its private subject.
func TestWildcard(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	serve(t, answerer, "obe.*.nv", func(r *Request) { _ = r.Respond([]byte(r.Subject)) })
	for _, lab := range []string{"lab1", "lab2"} {
		subject := "obe." + lab + ".nv"
		answer, err := ask(asker, subject, "{}")
		if err != nil || string(answer.Body) != subject {
			t.Fatalf("%s: answer %v, error %v", subject, answer, err)
		}
		if !strings.HasPrefix(answer.Server, subject+"._") {
			t.Errorf("%s is answered by %s", subject, answer.Server)
		}
		pinned, err := ask(asker, answer.Server, "{}")
		if err != nil || string(pinned.Body) != subject {
			t.Errorf("%s: answer %v, error %v", answer.Server, pinned, err)
		}
	}
	for _, reserved := range []string{"obe._x.nv", "obe.$x.nv"} {
		if _, err := ask(asker, reserved, "{}"); err == nil {
			t.Errorf("%s is a subject of commands", reserved)
		}
	}
}

// In a queue group each command goes to one instance. One that yields gets no more, but for those to it alone.
func TestQueueGroup(t *testing.T) {
	server := natsserver.Start(t)
	asker := newLink(t, server)
	var mu sync.Mutex
	count := map[int]int{}
	var services []*Service
	for i := range 2 {
		services = append(services, serve(t, newLink(t, server), "obe.nv3", func(r *Request) {
			mu.Lock()
			count[i]++
			mu.Unlock()
			_ = r.Respond(r.Body)
		}))
	}
	send := func(subject string, n int) {
		t.Helper()
		mu.Lock()
		clear(count)
		mu.Unlock()
		for range n {
			if _, err := ask(asker, subject, "{}"); err != nil {
				t.Fatal(err)
			}
		}
	}
	send("obe.nv3", 200)
	if count[0]+count[1] != 200 || count[0] == 0 || count[1] == 0 {
		t.Errorf("commands: %v", count)
	}
	services[0].Yield()
	services[0].Yield()
	if err := services[0].link.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	send("obe.nv3", 50)
	if count[0] != 0 || count[1] != 50 {
		t.Errorf("commands after one yielded: %v", count)
	}
	send(services[0].Instance(), 10)
	if count[0] != 10 {
		t.Errorf("commands to the one that yielded: %v", count)
	}
}

// A command that comes while a service closes or yields has an answer: of this service, or that there is no designer.
func TestLeavingLosesNothing(t *testing.T) {
	for name, leave := range map[string]func(*Service){"Close": (*Service).Close, "Yield": (*Service).Yield} {
		t.Run(name, func(t *testing.T) {
			server := natsserver.Start(t)
			asker, answerer := newLink(t, server), newLink(t, server)
			service := echo(t, answerer, "obe.nv3")
			results := make(chan error)
			asked := make(chan struct{})
			var once sync.Once
			const askers = 8
			for range askers {
				go func() {
					for {
						_, err := asker.Ask(context.Background(), Ask{Subject: "obe.nv3", Body: []byte("{}"), Deadline: time.Now().Add(systemtest.Timeout)})
						if err != nil {
							results <- err
							return
						}
						once.Do(func() { close(asked) })
					}
				}()
			}
			next(t, asked)
			leave(service)
			for range askers {
				if err := next(t, results); !errors.Is(err, ErrNoDesigner) {
					t.Error(err)
				}
			}
		})
	}
}

// A service that is not permitted learns it before it takes part.
func TestPermissionToServe(t *testing.T) {
	server := natsserver.Start(t, `
authorization {
	users: [{user: lab1, password: secret, permissions: {publish: [">"], subscribe: ["_INBOX.>", "obe.lab1.>"]}}]
}`)
	told := newEvents()
	l := newLinkTo(t, Config{URL: strings.Replace(server.URL(), "//", "//lab1:secret@", 1), Events: told.take})
	ctx, cancel := context.WithTimeout(context.Background(), systemtest.Timeout)
	defer cancel()
	for range 2 { // also after it was denied once
		_, err := l.Serve(ctx, ServeConfig{Subject: "obe.lab2.nv3", Handle: func(*Request) {}})
		if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "obe.lab2.nv3") {
			t.Errorf("denied: %v", err)
		}
		echo(t, l, "obe.lab1.nv3").Close()
	}
	told.await(t, EventPermission, 2)
}

// A user whose inbox is denied cannot ask, and one with an own prefix can.
func TestPermissionOfInbox(t *testing.T) {
	server := natsserver.Start(t, `
authorization {
	users: [
		{user: lab1, password: secret, permissions: {publish: [">"], subscribe: ["_INBOX_lab1.>", "obe.>"]}}
	]
}`)
	url := strings.Replace(server.URL(), "//", "//lab1:secret@", 1)
	if _, err := Connect(context.Background(), Config{URL: url}); !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "_INBOX") {
		t.Errorf("denied inbox: %v", err)
	}
	l := newLinkTo(t, Config{URL: url, InboxPrefix: "_INBOX_lab1"})
	echo(t, newLinkTo(t, Config{URL: url, InboxPrefix: "_INBOX_lab1"}), "obe.nv3")
	if _, err := ask(l, "obe.nv3", "{}"); err != nil {
		t.Errorf("own prefix: %v", err)
	}
}

// Subjects that would do harm are refused.
func TestCheckSubject(t *testing.T) {
	for subject, want := range map[string]bool{
		"obe": true, "obe.lab1.nv3": true, "a.b.c.d": true, "größe.nv3": true, "obe.log.nv3": true,
		"": false, ".": false, "obe.": false, ".obe": false, "a..b": false, "obe.>": false, "obe.*": false, "obe.a*": false,
		"obe.a b": false, "obe.a\tb": false, "obe.\x00": false, "obe._x": false, "$JS.API": false, "_INBOX.x": false, "obe.log": false,
		strings.Repeat("a", 201): false,
	} {
		if err := CheckSubject(subject, false); (err == nil) != want {
			t.Errorf("%q: %v", subject, err)
		} else if err != nil && !errors.Is(err, ErrArgument) {
			t.Errorf("%q: %v is no ErrArgument", subject, err)
		}
	}
	for subject, want := range map[string]bool{"obe.*": true, "*.nv3": true, "obe.*.nv3": true, "obe.*.*": false, "obe.a*": false, "obe.>": false} {
		if err := CheckSubject(subject, true); (err == nil) != want {
			t.Errorf("%q with a wildcard: %v", subject, err)
		}
	}
	for _, c := range []struct {
		service, subject string
		want             bool
	}{
		{"obe.*", "obe.nv3", true}, {"obe.*", "obe.a.b", false}, {"obe.*", "obe._who", false}, {"obe.*", "obe.log", false},
		{"obe.*.x", "obe.a.x", true}, {"obe.*.x", "obe..x", false}, {"obe.a", "obe.a", true}, {"obe.a", "obe.b", false}, {"*.a", "b.a", true},
	} {
		if got := matches(c.service, c.subject); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.service, c.subject, got)
		}
	}
}

// Many subjects on one link are served side by side.
func TestManySubjects(t *testing.T) {
	server := natsserver.Start(t)
	asker, answerer := newLink(t, server), newLink(t, server)
	var all sync.WaitGroup
	for i := range 20 {
		subject := fmt.Sprint("obe.s", i)
		serve(t, answerer, subject, func(r *Request) { _ = r.Respond([]byte(subject)) })
		for range 10 {
			all.Go(func() {
				if answer, err := ask(asker, subject, "{}"); err != nil || string(answer.Body) != subject {
					t.Errorf("%s: answer %v, error %v", subject, answer, err)
				}
			})
		}
	}
	all.Wait()
}
