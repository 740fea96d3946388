package wire

import (
	"strings"
	"testing"
	"time"
)

func TestWhatCannotBeWrittenIsAnArgumentError(t *testing.T) {
	list, twice, gnu, hashdeep, crc := "sha1 -1 - a\x00", "sha1 -1 - a\x00sha1 -1 - a\x00", "gnu", "hashdeep", "crc32 -1 - a\x00"
	for _, test := range []struct {
		list, format *string
		reason       string
	}{
		{nil, &gnu, "without a list"},
		{&list, nil, "and a format"},
		{&list, &hashdeep, "is only read"},
		{&twice, &gnu, "listed twice"},
		{&crc, &gnu, "cannot list digests of crc32"},
	} {
		request := Request{Root: t.TempDir(), List: test.list, Format: test.format, Flags: WriteEntries}
		job, err := request.Start()
		for ended := false; err == nil && !ended; {
			ended, err = job.NextRecords(time.Second, NewRecordWriter(make([]byte, MinBuffer)))
		}
		if err == nil || OutcomeOf(err).Kind != Argument || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("got %v, not that it %s", err, test.reason)
		}
	}
}

func TestALongLineComesInSeveralRecords(t *testing.T) {
	name := strings.Repeat("\\", 60_000)
	list, format := "sha1 -1 "+strings.Repeat("0", 40)+" "+name+"\x00", "gnu"
	request := Request{Root: t.TempDir(), List: &list, Format: &format, Flags: WriteEntries}
	job, err := request.Start()
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for ended := false; !ended; {
		records := NewRecordWriter(make([]byte, MinBuffer))
		if ended, err = job.NextRecords(time.Second, records); err != nil {
			t.Fatal(err)
		}
		written += records.Written()
	}
	if least := 40 + 2*len(name) + 2*RecordSize; written < least {
		t.Errorf("%d bytes were written, fewer than %d", written, least)
	}
}
