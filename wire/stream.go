package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow/flight"
)

// frameSender is one direction of a stream of ours, client's or server's.
type frameSender interface {
	Send(*flight.FlightData) error
}

// frameReceiver is the other direction.
type frameReceiver interface {
	Recv() (*flight.FlightData, error)
}

// sender seals and numbers frames. Its memory is used again for the next frame:
// gRPC has copied a message when Send returns.
type sender struct {
	to     frameSender
	seq    uint32
	meta   []byte
	writer recordWriter
	frame  flight.FlightData
}

// send sends a frame without columns: payload appends to what it is given.
func (s *sender) send(k kind, payload func([]byte) []byte) error {
	s.meta = beginSeal(s.meta[:0], k, s.seq)
	if payload != nil {
		s.meta = payload(s.meta)
	}
	return s.flush(nil, nil)
}

// record sends rows [from, to) of columns as part of a section.
func (s *sender) record(number int, cols []column, from, to int) error {
	header, body, err := s.writer.write(cols, from, to)
	if err != nil {
		return err
	}
	s.meta = beginSeal(s.meta[:0], kindRecord, s.seq)
	s.meta = binary.AppendUvarint(s.meta, uint64(number))
	return s.flush(header, body)
}

// section sends all rows of a section.
func (s *sender) section(number int, cols []column, rows int) error {
	if len(cols) == 0 {
		return nil
	}
	for from := 0; from < rows; {
		to := cut(cols, from, rows)
		if err := s.record(number, cols, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (s *sender) flush(header, body []byte) error {
	s.meta = endSeal(s.meta, header, body)
	s.seq++
	s.frame.AppMetadata, s.frame.DataHeader, s.frame.DataBody = s.meta, header, body
	return s.to.Send(&s.frame)
}

// frame is one that came and was found whole.
type frame struct {
	kind    kind
	payload []byte
	header  []byte
	body    []byte
}

// errDamaged wraps what is wrong with a frame: the connection may be whole, but
// what the peer sends can not be used.
type errDamaged struct{ err error }

func (e *errDamaged) Error() string { return e.err.Error() }
func (e *errDamaged) Unwrap() error { return e.err }

// receiver opens frames in order.
type receiver struct {
	from frameReceiver
	seq  uint32
}

// next returns the next frame, io.EOF after the last, or *errDamaged.
func (r *receiver) next() (frame, error) {
	data, err := r.from.Recv()
	if err != nil {
		return frame{}, err
	}
	k, payload, err := openSeal(data.GetAppMetadata(), data.GetDataHeader(), data.GetDataBody(), r.seq)
	if err != nil {
		return frame{}, &errDamaged{err}
	}
	r.seq++
	return frame{k, payload, data.GetDataHeader(), data.GetDataBody()}, nil
}

// receiveRecords hands the records of a stream to take until its end.
func (r *receiver) receiveRecords(take func(payload, header, body []byte) error) error {
	for {
		f, err := r.next()
		if errors.Is(err, io.EOF) {
			return &errDamaged{fmt.Errorf("the stream ends before its last frame")}
		}
		if err != nil {
			return err
		}
		switch f.kind {
		case kindEnd:
			return nil
		case kindRecord:
			if err := take(f.payload, f.header, f.body); err != nil {
				return &errDamaged{err}
			}
		default:
			return &errDamaged{fmt.Errorf("a frame of kind %d among records", f.kind)}
		}
	}
}
