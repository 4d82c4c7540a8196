// Prints a line for each release that came into service, also while this program was away: go run . <context> <consumer> <file>
//
// It reads a durable consumer of the stream EVENTS, which an administrator makes once (../README.md has the line, and the
// rights that the login needs). A message comes again if its handler died before the acknowledgement, so the ids of handled
// events are kept in the file.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const stream = "nightshift_EVENTS"

type event struct {
	ID   string `json:"id"` // the header ce-id is the same
	Data struct {
		Model   string `json:"model"`
		Release int    `json:"release"`
		RunID   string `json:"runId"`
	} `json:"data"`
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: go run . <context of the NATS CLI> <durable consumer> <file of handled ids>")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nc := must(connect(os.Args[1]))
	defer nc.Close()
	js := must(jetstream.New(nc))
	consumer := must(js.Consumer(ctx, stream, os.Args[2]))
	handled := must(open(os.Args[3]))
	consuming := must(consumer.Consume(func(message jetstream.Msg) {
		var told event
		if err := json.Unmarshal(message.Data(), &told); err != nil {
			log.Print(err)
			return // it comes again after the ack wait
		}
		if err := handled.once(told.ID, func() error { return handle(told) }); err != nil {
			log.Print(err)
			return
		}
		if err := message.DoubleAck(ctx); err != nil {
			log.Print(err) // it comes again, and is known then
		}
	}))
	<-ctx.Done()
	consuming.Stop()
}

// Here you would act. If the effect has a transaction, write the id in it, and no file is needed.
func handle(told event) error {
	_, err := fmt.Printf("{\"model\":%q,\"release\":%d,\"runId\":%q}\n", told.Data.Model, told.Data.Release, told.Data.RunID)
	return err
}

type ledger struct {
	file *os.File
	ids  map[string]bool
}

func open(path string) (*ledger, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	ids := map[string]bool{}
	for _, id := range strings.Fields(string(text)) {
		ids[id] = true
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return &ledger{file, ids}, err
}

func (l *ledger) once(id string, act func() error) error {
	if l.ids[id] {
		return nil
	}
	if err := act(); err != nil {
		return err
	}
	l.ids[id] = true
	if _, err := fmt.Fprintln(l.file, id); err != nil {
		return err
	}
	return l.file.Sync()
}

func connect(name string) (*nats.Conn, error) {
	config, err := os.UserConfigDir() // XDG_CONFIG_HOME, or ~/.config
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(config, "nats", "context", name+".json"))
	if err != nil {
		return nil, err
	}
	var stored struct {
		URL, Nkey, Creds string
		Inbox            string `json:"inbox_prefix"`
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, err
	}
	options := []nats.Option{nats.MaxReconnects(-1)}
	if stored.Nkey != "" {
		options = append(options, must(nats.NkeyOptionFromSeed(stored.Nkey)))
	}
	if stored.Creds != "" {
		options = append(options, nats.UserCredentials(stored.Creds))
	}
	if stored.Inbox != "" {
		options = append(options, nats.CustomInboxPrefix(stored.Inbox))
	}
	return nats.Connect(stored.URL, options...)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
