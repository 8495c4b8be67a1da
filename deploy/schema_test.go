package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// schema reads a schema of testdata/, whose README says where it comes from.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// documents reads the documents of a YAML text, in which no key may stand twice.
func documents(text string) (docs []any, err error) {
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc any
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, err
		}
		asJSON, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
}

// valid is the error of a text against a schema.
func valid(s *jsonschema.Schema, text string) error {
	docs, err := documents(text)
	for _, doc := range docs {
		err = errors.Join(err, s.Validate(doc))
	}
	if len(docs) == 0 && err == nil {
		err = errors.New("no document")
	}
	return err
}

// only is the text of a kind's one file.
func only(t *testing.T, kind string) string {
	t.Helper()
	files, err := Files(kind)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return string(files[0].Text)
}

// TestSchemas: the files are what Compose and Kubernetes read. Wrong ones show that
// the schemas would say so.
func TestSchemas(t *testing.T) {
	f := func(kind string, wrong ...string) {
		t.Helper()
		s, text := schema(t, kind+".schema.json"), only(t, kind)
		if err := valid(s, text); err != nil {
			t.Errorf("%s: %#v", kind, err)
		}
		for i := 0; i < len(wrong); i += 2 {
			changed := strings.Replace(text, wrong[i], wrong[i+1], 1)
			if changed == text {
				t.Fatalf("%s: there is no %q", kind, wrong[i])
			}
			if valid(s, changed) == nil {
				t.Errorf("%s: its schema takes %q", kind, wrong[i+1])
			}
		}
	}
	f("compose",
		"stop_grace_period:", "stop_grace_time:",
		"read_only: true", "read_only: [1]",
		"    volumes:\n", "    volume:\n",
		"create_host_path: false", "create_host_path: 7",
		"restart: always", "restart: always\n    restart: always")
	f("k8s",
		"terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 60s",
		"emptyDir: {medium: Memory", "emptyDir: {media: Memory",
		"serviceName: kelp", "serviceNames: kelp",
		"sleep: {seconds: 2}", "sleep: {}",
		"readOnlyRootFilesystem:", "readonlyRootFilesystem:",
		"sizeLimit: 5Gi", "sizeLimit: 5GiB",
		"kind: PodDisruptionBudget", "kind: DisruptionBudget")
}

// object walks into a document by keys, and by indices where there are lists.
func object(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := doc.(map[string]any)
			if doc = m[step]; !ok || doc == nil {
				t.Fatalf("there is no %v of %v", step, path)
			}
		case int:
			list, ok := doc.([]any)
			if !ok || step >= len(list) {
				t.Fatalf("there is no %d of %v", step, path)
			}
			doc = list[step]
		}
	}
	return doc
}

// TestPodHoldsTogether: what the schema cannot know. The selectors find the pod, every
// mount has its volume, and KELP_MEMORY < the volume's limit, which with the heap's
// stays within the container's.
func TestPodHoldsTogether(t *testing.T) {
	docs, err := documents(only(t, "k8s"))
	if err != nil || len(docs) != 3 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	service, budget, set := docs[0], docs[1], docs[2]
	label := object(t, set, "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	for i, got := range []any{
		object(t, service, "spec", "selector", "app.kubernetes.io/name"),
		object(t, budget, "spec", "selector", "matchLabels", "app.kubernetes.io/name"),
		object(t, set, "spec", "selector", "matchLabels", "app.kubernetes.io/name"),
	} {
		if got != label {
			t.Errorf("selector %d looks for %v, the pod is %v", i, got, label)
		}
	}
	if name := object(t, service, "metadata", "name"); object(t, set, "spec", "serviceName") != name {
		t.Errorf("the StatefulSet is not of the service %v", name)
	}
	pod := object(t, set, "spec", "template", "spec")
	volumes := map[any]bool{}
	for i := range object(t, pod, "volumes").([]any) {
		volumes[object(t, pod, "volumes", i, "name")] = true
	}
	for i := range object(t, set, "spec", "volumeClaimTemplates").([]any) {
		volumes[object(t, set, "spec", "volumeClaimTemplates", i, "metadata", "name")] = true
	}
	kelp := object(t, pod, "containers", 0)
	mounts := ""
	for i := range object(t, kelp, "volumeMounts").([]any) {
		if name := object(t, kelp, "volumeMounts", i, "name"); !volumes[name] {
			t.Errorf("no volume is called %v", name)
		}
		mounts += object(t, kelp, "volumeMounts", i, "mountPath").(string) + " "
	}
	env := map[string]string{}
	for i := range object(t, kelp, "env").([]any) {
		env[object(t, kelp, "env", i, "name").(string)] = object(t, kelp, "env", i, "value").(string)
	}
	for _, name := range []string{"KELP_DATA", "KELP_MEMORY_DIR"} {
		if dir := env[name]; dir == "" || !strings.Contains(mounts, strings.TrimSuffix(dir, "/serve")+" ") {
			t.Errorf("%s=%s is on no volume of %s", name, dir, mounts)
		}
	}
	blocks, heap := gibibytes(t, env["KELP_MEMORY"]), gibibytes(t, env["GOMEMLIMIT"])
	volume := gibibytes(t, object(t, pod, "volumes", 0, "emptyDir", "sizeLimit"))
	limit := gibibytes(t, object(t, kelp, "resources", "limits", "memory"))
	if blocks >= volume || volume+heap > limit || object(t, kelp, "resources", "requests", "memory") != object(t, kelp, "resources", "limits", "memory") {
		t.Errorf("blocks of %d GiB on a volume of %d, a heap of %d, in a container of %d", blocks, volume, heap, limit)
	}
}

// gibibytes reads 4GiB or 4Gi.
func gibibytes(t *testing.T, text any) (n int) {
	t.Helper()
	digits, ok := strings.CutSuffix(strings.TrimSuffix(text.(string), "B"), "Gi")
	if err := json.Unmarshal([]byte(digits), &n); err != nil || !ok || n < 1 {
		t.Fatalf("%q is no number of GiB", text)
	}
	return n
}

// TestComposeHoldsTogether: kelp's directories are on volumes, and the one of its
// memory is not made by anybody else.
func TestComposeHoldsTogether(t *testing.T) {
	docs, err := documents(only(t, "compose"))
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	kelp := object(t, docs[0], "services", "kelp")
	memory, data := object(t, kelp, "volumes", 0), object(t, kelp, "volumes", 1)
	object(t, docs[0], "volumes") // names the volume below
	if _, named := docs[0].(map[string]any)["volumes"].(map[string]any)[object(t, data, "source").(string)]; !named {
		t.Error("the volume of the data is not declared")
	}
	dir := object(t, kelp, "environment", "KELP_MEMORY_DIR").(string)
	if !strings.HasPrefix(dir, object(t, memory, "target").(string)+"/") || object(t, memory, "bind", "create_host_path") != false {
		t.Errorf("the memory directory %s is not below a directory of the host that must be there", dir)
	}
	if object(t, kelp, "environment", "KELP_DATA") != object(t, data, "target") {
		t.Error("the data is not on its volume")
	}
}
