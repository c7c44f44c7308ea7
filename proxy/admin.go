package proxy

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pgseal/keycache"
)

// AdminHandler serves what operators look at: /healthz says that the process
// lives, /readyz whether it takes sessions, /metrics what it has done, in the
// text format of Prometheus. It shows no value and no statement, and takes no
// commands; still, its listener belongs on an inner network.
func AdminHandler(s *Server, d *Databases) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch err := d.Ready(); {
		case s.draining.Load():
			http.Error(w, "draining", http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(w, "ready")
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(metrics(s.Stats(), d.Stats()))
	})
	return mux
}

// metrics writes the figures as Prometheus reads them.
func metrics(s Stats, d DatabasesStats) []byte {
	var b bytes.Buffer
	one := func(name, kind, help string, value any) {
		fmt.Fprintf(&b, "# HELP pgseal_%s %s\n# TYPE pgseal_%s %s\npgseal_%s %v\n", name, help, name, kind, name, value)
	}
	draining := 0
	if s.Draining {
		draining = 1
	}
	one("sessions", "gauge", "Sessions running.", s.Sessions)
	one("sessions_max", "gauge", "Limit on sessions.", s.MaxConnections)
	one("draining", "gauge", "1 while the process ends.", draining)
	one("connections_accepted_total", "counter", "Connections accepted.", s.Accepted)
	one("connections_refused_total", "counter", "Connections that ended before they were a session.", s.Refused)
	one("cancel_requests_total", "counter", "Cancel requests received.", s.Cancels)
	one("client_received_bytes_total", "counter", "Bytes received from clients.", s.FromClients)
	one("client_sent_bytes_total", "counter", "Bytes sent to clients.", s.ToClients)
	one("server_received_bytes_total", "counter", "Bytes received from the server.", s.FromServer)
	one("server_sent_bytes_total", "counter", "Bytes sent to the server.", s.ToServer)
	one("databases", "gauge", "Databases with connections of the proxy's own.", d.Open)
	one("keys", "gauge", "Data keys open.", d.Keys.Size)
	one("key_hits_total", "counter", "Uses of a data key that was open.", d.Keys.Hits)
	one("key_stale_hits_total", "counter", "Uses of a data key beyond its time to live, while KMS fails.", d.Keys.Stale)
	one("key_misses_total", "counter", "Uses of a data key that had to wait for KMS.", d.Keys.Misses)
	one("key_unwraps_total", "counter", "Data keys unwrapped or tried to.", d.Keys.Unwraps)
	one("key_unwrap_failures_total", "counter", "Unwraps that failed.", d.Keys.Failures)
	one("key_evictions_total", "counter", "Data keys closed to make room.", d.Keys.Evictions)
	one("key_expired_total", "counter", "Data keys closed because their time was over.", d.Keys.Expired)
	fmt.Fprint(&b, "# HELP pgseal_seals_total Values sealed by this process.\n# TYPE pgseal_seals_total counter\n")
	ids := make([]keycache.ID, 0, len(d.Seals))
	for id := range d.Seals {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b keycache.ID) int {
		if c := strings.Compare(a.Database, b.Database); c != 0 {
			return c
		}
		return int(int64(a.Key) - int64(b.Key))
	})
	for _, id := range ids {
		fmt.Fprintf(&b, "pgseal_seals_total{database=\"%s\",key=\"%d\"} %d\n", escapeLabel.Replace(id.Database), id.Key, d.Seals[id])
	}
	return b.Bytes()
}

// escapeLabel quotes a label's value by the text format's rules.
var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
