package session

import (
	"strings"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/wire"
)

// settings are what the session knows of the server's, from ParameterStatus and
// from what passes by.
type settings struct {
	values logical.Settings
	// utf8 is values with UTF8 as the client's encoding.
	utf8 logical.Settings

	// conforming is standard_conforming_strings.
	conforming bool
	// path is the search path when it was last asked for.
	path []string
	// encoding is client_encoding.
	encoding string
	// tricky: client_encoding has multibyte characters with ASCII bytes in them.
	tricky bool
	// known: the others are as the server has them. It reports changes only
	// before ReadyForQuery, so within a segment they have to be asked for.
	known bool
	// seen are those that the server does not report and that are known. They are
	// asked for when a value is to be shown by them, and asked for again after
	// whatever may have changed them.
	seen unreported
	// changed: a setting has been changed since the transaction began, and may
	// change back when it ends.
	changed bool
	// version is the server's major one, as server_version_num has it.
	version int
	// escape is bytea_output, as the last envelope in text has shown it, or the
	// server has said.
	escape bool
	// told is what the server has reported, kept while the others are those that it
	// was asked for since: of what an error or a RESET takes back it says nothing.
	told *reported
	// shared is a copy of utf8 that statements keep.
	shared *logical.Settings
}

// kept is a copy of utf8 that is not changed any more, one for all that ask for the same.
func (t *settings) kept() *logical.Settings {
	if t.shared == nil || *t.shared != t.utf8 {
		shared := t.utf8
		t.shared = &shared
	}
	return t.shared
}

// reported are settings that the server reports.
type reported struct {
	values             logical.Settings
	encoding           string
	conforming, tricky bool
}

// asked takes over what the server was asked for, up to the next ReadyForQuery.
func (t *settings) asked(name, value string) {
	if t.told == nil {
		t.told = &reported{t.values, t.encoding, t.conforming, t.tricky}
	}
	t.set(name, value)
}

// restore goes back to what the server has reported.
func (t *settings) restore() {
	if r := t.told; r != nil {
		t.values, t.encoding, t.conforming, t.tricky = r.values.WithUnreported(&t.values), r.encoding, r.conforming, r.tricky
		t.utf8 = t.values
		_ = t.utf8.Set("client_encoding", "UTF8")
		t.told = nil
	}
}

// settle follows a ReadyForQuery, before which the server has reported what has
// changed. over: the transaction has ended.
func (t *settings) settle(over bool) {
	t.restore()
	t.known = true
	if over && t.changed { // and what it does not report may have changed back
		t.changed, t.seen = false, 0
	}
}

// unreported are settings that the server does not report.
type unreported uint8

const (
	floatDigits unreported = 1 << iota // extra_float_digits
	byteaOutput                        // known without asking where an envelope shows it
	searchPath                         // asked for whenever it is needed
)

// set takes over one setting.
func (t *settings) set(name, value string) {
	switch name {
	case "standard_conforming_strings":
		t.conforming = value != "off"
	case "client_encoding":
		t.encoding, t.tricky = value, asciiInside(value)
	case "extra_float_digits":
		t.seen |= floatDigits
	case "bytea_output":
		t.seen |= byteaOutput
		t.escape = strings.EqualFold(value, "escape")
	}
	// A value that the server refuses too comes with the server's own error.
	_ = t.values.Set(name, value)
	t.utf8 = t.values
	_ = t.utf8.Set("client_encoding", "UTF8")
}

// setByteaOutput takes over what the text of an envelope has shown.
func (t *settings) setByteaOutput(escape bool) {
	if t.escape == escape {
		return
	}
	value := "hex"
	if escape {
		value = "escape"
	}
	t.set("bytea_output", value)
}

// resetting reports that a text with such hints can change settings, and notes
// it. What the server does not report is unknown from then on.
func (s *Session) resetting(h hints) bool {
	resets := s.canReset(h)
	if h&local != 0 || s.callsUnseen(h) {
		s.settings.changed = true
	}
	return resets
}

// canReset reports that a text with such hints can change settings.
func (s *Session) canReset(h hints) bool {
	return h&resets != 0 || h&ends != 0 && s.settings.changed || s.callsUnseen(h)
}

// callsUnseen reports that a text can change settings by functions which it does not
// name: a trigger, a view or an operator can call one.
func (s *Session) callsUnseen(h hints) bool { return h&controls == 0 && s.setters() != nil }

// setters are the functions of the database that change settings, nil if there
// are none.
func (s *Session) setters() *catalog.Setters {
	if snap, _ := s.snapshot(); snap != nil && len(snap.Setters().Names) > 0 {
		return snap.Setters()
	}
	return nil
}

// dynamic reports that functions of the database can set what their bodies do not
// say.
func (s *Session) dynamic() bool {
	snap, _ := s.snapshot()
	return snap != nil && snap.Setters().Dynamic
}

// look finds the hints of a text. One that names a function which changes
// settings changes them, and so does what fetches from a cursor of such a text.
func (s *Session) look(text []byte) hints {
	h := look(text)
	if setters := s.setters(); setters != nil && h&resets == 0 {
		for _, name := range setters.Names {
			if containsFolded(text, name) {
				h |= resets | local
				break
			}
		}
	}
	switch {
	case h&resets != 0:
		s.cursors.sets = s.cursors.sets || containsFolded(text, "declare")
	case s.cursors.sets && (h&fetches != 0 || containsFolded(text, "move")):
		h |= resets | local
	}
	return h
}

// containsFolded reports that a text contains a name, in any case.
func containsFolded(text []byte, name string) bool {
	for i := 0; i+len(name) <= len(text); i++ {
		if text[i]|0x20 == name[0]|0x20 && strings.EqualFold(string(text[i:i+len(name)]), name) {
			return true
		}
	}
	return false
}

// reset: a request has ended that could change settings.
func (t *settings) reset() { t.seen, t.known = 0, false }

// unsettled reports that values cannot be converted before something is known:
// need says what to wait for.
func (s *Session) unsettled(by unreported, out *Output) (need Need, unsettled bool) {
	switch {
	case s.resets > 0:
		_, need, _ = s.waitServer(out)
	case s.frame.answer || s.settings.known && (by == 0 || by&^s.settings.seen == 0 && !s.dynamic()):
	case !s.frame.query && s.failedBlock(): // whatever it is fails, and so would a question
	case !s.frame.asking && (s.status == 'E' || s.frame.query) && s.fifo.len() > 0,
		!s.frame.asking && s.earlier(): // the transaction may be over by then, or have failed
		_, need, _ = s.waitServer(out)
	default:
		_, need, _ = s.ask(s.frame.query, out)
	}
	return need, need.Kind != NeedNothing
}

// asciiInside says whether an encoding has ASCII bytes inside characters.
func asciiInside(encoding string) bool {
	switch encoding {
	case "SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004":
		return true
	}
	return false
}

// SetParameter takes over a setting that the startup made known: the client's
// own (startup packet) first, then the server's ParameterStatus messages.
func (s *Session) SetParameter(name, value string) {
	switch name {
	case "replication":
		s.raw = PhysicalReplication(value)
		s.walsender = value == logicalReplication
	case "options":
		eachOption(value, s.settings.set)
	case "server_version":
		s.newer = majorVersion(value) > grammarVersion
		s.settings.version = majorVersion(value) * 10000
		s.settings.set(name, value)
	default:
		s.settings.set(name, value)
	}
}

const (
	// grammarVersion is the version of PostgreSQL whose grammar the planner reads.
	grammarVersion = 17

	hintNewerSyntax = "pgseal reads statements about sealed columns as PostgreSQL 17 does: do without syntax that came later, or use a direct connection."
)

// majorVersion is the number at the start of a version, 0 without one.
func majorVersion(version string) (major int) {
	for i := 0; i < len(version) && version[i] >= '0' && version[i] <= '9' && i < 4; i++ {
		major = 10*major + int(version[i]-'0')
	}
	return major
}

// parameterStatus takes over a setting that has changed.
func (s *Session) parameterStatus(b []byte) (action, Need, error) {
	name, value, err := wire.ParseParameterStatus(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed ParameterStatus from the server")
	}
	if string(name) == "search_path" && s.catalog.inside.hides(s.front(), value) {
		return drop, Need{}, nil
	}
	s.settings.restore()
	s.settings.set(string(name), string(value))
	return relay, Need{}, nil
}

// eachOption finds the settings in the startup packet's options: -c name=value
// and --name=value, blanks escaped by a backslash.
func eachOption(options string, set func(name, value string)) {
	var words []string
	var word []byte
	inside := false
	for i := 0; i < len(options); i++ {
		switch c := options[i]; {
		case c == '\\' && i+1 < len(options):
			i++
			word, inside = append(word, options[i]), true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			if inside {
				words, word, inside = append(words, string(word)), nil, false
			}
		default:
			word, inside = append(word, c), true
		}
	}
	if inside {
		words = append(words, string(word))
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			w = words[i]
		case len(w) > 2 && (w[:2] == "-c" || w[:2] == "--"):
			w = w[2:]
		default:
			continue
		}
		for j := range len(w) {
			if w[j] == '=' {
				set(settingName(w[:j]), w[j+1:])
				break
			}
		}
	}
}

// settingName folds a setting's name as the server does on its command line.
func settingName(name string) string {
	b := []byte(name)
	for i, c := range b {
		switch {
		case c == '-':
			b[i] = '_'
		case c >= 'A' && c <= 'Z':
			b[i] = c | 0x20
		}
	}
	return string(b)
}
