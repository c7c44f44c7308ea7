package rewrite

import (
	"strconv"
	"strings"
)

// Of a text in brackets that stands in a second place, too, the server gets there what it gets in
// the first: what that is, is known once all else is. Until then something stands for it that no
// statement can have in it.

const copyMark = "\x00"

// copyOf stands for what the server gets of a text in brackets.
func (a *analysis) copyOf(at term) string {
	a.repeated = append(a.repeated, at)
	return copyMark + strconv.Itoa(len(a.repeated)-1) + copyMark
}

// copyTexts puts the texts in the places of what stands for them. It has failed where one has a
// value in it, which has its place.
func (a *analysis) copyTexts() {
	for i := range a.edits {
		for len(a.repeated) > 0 && a.err == nil {
			before, rest, ok := strings.Cut(a.edits[i].text, copyMark)
			if !ok {
				break
			}
			number, behind, _ := strings.Cut(rest, copyMark)
			n, err := strconv.Atoi(number)
			if err != nil || n >= len(a.repeated) {
				a.fail(refuseDefect())
				return
			}
			text, ok := a.editedText(a.repeated[n])
			if !ok {
				a.fail(refuseUse(a.arrangedBy(), int32(a.repeated[n].start), "ORDER BY"))
			}
			a.edits[i].text = before + text + behind
		}
	}
}

// editedText is what the server gets of a text in brackets. It is false if that has values in it.
func (a *analysis) editedText(at term) (string, bool) {
	var edits []edit
	for _, e := range a.edits {
		switch inside := e.start > at.start && e.end < at.end; {
		case inside && e.value == nil && e.moved == 0:
			edits = append(edits, e)
		case inside, e.start < at.end && e.end > at.start:
			return "", false
		}
	}
	for _, e := range a.shown {
		if e.start < at.end && e.end > at.start {
			return "", false
		}
	}
	var text strings.Builder
	from := at.start
	for _, e := range inOrder(edits) {
		if e.start < from {
			return "", false
		}
		text.Write(a.text[from:e.start])
		text.WriteString(e.text + e.after)
		from = e.end
	}
	text.Write(a.text[from:at.end])
	return text.String(), true
}
