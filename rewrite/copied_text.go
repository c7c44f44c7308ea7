package rewrite

import (
	"slices"
	"strconv"
	"strings"
)

// Of a text in brackets that stands in a second place, too, or goes there, the server gets there
// what it gets in the first: what that is, is known once all else is. Until then something stands
// for it that no statement can have in it.

const copyMark = "\x00"

// copyOf stands for what the server gets of a text in brackets.
func (a *analysis) copyOf(at term) string {
	a.repeated = append(a.repeated, at)
	return copyMark + strconv.Itoa(len(a.repeated)-1) + copyMark
}

// copyTexts puts the texts in the places of what stands for them, with the values that are in them.
func (a *analysis) copyTexts() {
	if len(a.repeated) == 0 || a.err != nil {
		return
	}
	var gone []term
	for _, at := range a.repeated {
		if slices.ContainsFunc(a.edits, func(e edit) bool { return replaces(e, at) }) {
			gone = append(gone, at)
		}
	}
	var edits []edit
	for _, e := range a.edits {
		if slices.ContainsFunc(gone, func(at term) bool { return isInside(e, at) }) {
			continue
		}
		for a.err == nil {
			before, rest, ok := strings.Cut(e.text, copyMark)
			if !ok {
				break
			}
			number, behind, _ := strings.Cut(rest, copyMark)
			n, err := strconv.Atoi(number)
			if err != nil || n >= len(a.repeated) {
				a.fail(refuseDefect())
				return
			}
			at := a.repeated[n]
			text, ok := a.editedText(at, slices.Contains(gone, at))
			if !ok {
				a.fail(refuseUse(a.arrangedBy(), int32(at.start), "ORDER BY"))
				return
			}
			// What has a value stands apart, where the text of this edit would.
			e.text = before
			for _, p := range text {
				if p.value == nil {
					e.text += p.text
					continue
				}
				first := e
				first.end = e.start
				edits = append(edits, first, edit{start: e.start, end: e.start, text: " " + p.text, value: p.value, after: p.after + " ", moved: p.start + 1, outer: e.outer})
				e.text = ""
			}
			e.text += behind
		}
		edits = append(edits, e)
	}
	a.edits = edits
}

// replaces says whether an edit replaces a text in brackets, or what stands around it.
func replaces(e edit, at term) bool { return e.start <= at.start && e.end >= at.end }

// isInside says whether an edit is one of what is between brackets.
func isInside(e edit, at term) bool { return e.start > at.start && e.end < at.end }

// editedText is what the server gets of a text in brackets, as edits of which those count that have
// a value. It is false if an edit reaches out of it. goes: the text is nowhere else.
func (a *analysis) editedText(at term, goes bool) (text []edit, ok bool) {
	var edits []edit
	for _, e := range a.edits {
		switch {
		case isInside(e, at) && e.moved == 0:
			edits = append(edits, e)
		case e.start < at.end && e.end > at.start && !(goes && replaces(e, at)):
			return nil, false
		}
	}
	for _, e := range a.shown {
		if e.start < at.end && e.end > at.start {
			return nil, false
		}
	}
	from := at.start
	for _, e := range inOrder(edits) {
		if e.start < from {
			return nil, false
		}
		text = append(text, edit{text: string(a.text[from:e.start])})
		if from = e.end; e.value == nil {
			e.text += e.after
		}
		text = append(text, e)
	}
	return append(text, edit{text: string(a.text[from:at.end])}), true
}
