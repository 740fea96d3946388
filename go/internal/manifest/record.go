package manifest

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseRecord reads a line of a Python wheel's RECORD: a CSV row of path, digest, and
// size. The digest is "sha256=" and URL-safe base64 without padding.
func parseRecord(d *dialect, line string, _ int, e *Entry) error {
	fields, err := recordFields(line)
	if err != nil {
		return err
	}
	if fields[1] == "" && fields[2] == "" && needsNoDigest(fields[0]) {
		return errPassedOver
	}
	spelling, value, found := strings.Cut(fields[1], "=")
	if !found {
		return errNoDigest
	}
	algorithm, err := d.named(spelling)
	if err != nil {
		return err
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != algorithm.Size {
		return fmt.Errorf("no base64-encoded %s digest", algorithm.Name)
	}
	e.Name, e.Algorithm = fields[0], algorithm
	copy(e.sum[:], sum)
	if fields[2] != "" {
		size, err := strconv.ParseUint(fields[2], 10, 63)
		if err != nil {
			return fmt.Errorf("invalid size %q", clip(fields[2]))
		}
		e.Size = int64(size)
	}
	return checkName(e.Name)
}

// recordFields splits a line into its three fields. Most lines have no quotation mark and
// need no CSV parser.
func recordFields(line string) ([]string, error) {
	if strings.ContainsAny(line, "\r\n") {
		return nil, errors.New("more than one CSV row")
	}
	if strings.IndexByte(line, '"') < 0 {
		if count := strings.Count(line, ",") + 1; count != recordColumns {
			return nil, errColumns(count)
		}
		return strings.Split(line, ","), nil
	}
	fields, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil {
		return nil, errors.New("invalid CSV row")
	}
	if len(fields) != recordColumns {
		return nil, errColumns(len(fields))
	}
	return fields, nil
}

// recordColumns is the number of fields of a line.
const recordColumns = 3

func errColumns(count int) error {
	return fmt.Errorf("%d fields instead of %d", count, recordColumns)
}

// needsNoDigest reports whether a file needs no digest in a RECORD: RECORD itself, its signatures,
// and compiled files.
func needsNoDigest(name string) bool {
	for _, suffix := range []string{".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s", ".pyc"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
