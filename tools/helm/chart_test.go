// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package helm_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chartDirectory = "../../deploy/helm/flipper"

var update = flag.Bool("update", false, "write the golden files anew")

// A serviceMonitor is as much of the Prometheus Operator's type as the chart has.
type serviceMonitor struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct {
			Port      string `json:"port"`
			Path      string `json:"path"`
			Interval  string `json:"interval"`
			Scheme    string `json:"scheme"`
			TLSConfig struct {
				InsecureSkipVerify bool `json:"insecureSkipVerify"`
			} `json:"tlsConfig"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// kinds are what the chart may make.
var kinds = map[string]func() any{
	"apps/v1 Deployment":                      func() any { return new(appsv1.Deployment) },
	"apps/v1 StatefulSet":                     func() any { return new(appsv1.StatefulSet) },
	"v1 Service":                              func() any { return new(corev1.Service) },
	"v1 Secret":                               func() any { return new(corev1.Secret) },
	"v1 ServiceAccount":                       func() any { return new(corev1.ServiceAccount) },
	"policy/v1 PodDisruptionBudget":           func() any { return new(policyv1.PodDisruptionBudget) },
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return new(serviceMonitor) },
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// render returns what helm install would send, by file, and checks the values.
func render(values map[string]any) (map[string]string, error) {
	chart, err := loader.Load(chartDirectory)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: "prod", Namespace: "apps", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(files, func(name, text string) bool {
		return strings.HasSuffix(name, "_helpers.tpl") || strings.TrimSpace(text) == ""
	})
	return files, nil
}

// objects parses what was rendered, and refuses fields that Kubernetes does not
// know.
func objects(t *testing.T, files map[string]string) map[string]any {
	t.Helper()
	parsed := map[string]any{}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			var head struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Metadata   struct {
					Name      string `json:"name"`
					Namespace string `json:"namespace"`
				} `json:"metadata"`
			}
			must(t, yaml.Unmarshal([]byte(document), &head))
			newObject := kinds[head.APIVersion+" "+head.Kind]
			if newObject == nil {
				t.Fatalf("%s makes a %s %s", name, head.APIVersion, head.Kind)
			}
			object := newObject()
			if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if head.Metadata.Namespace != "apps" {
				t.Errorf("%s: namespace %q", name, head.Metadata.Namespace)
			}
			key := head.Kind + " " + head.Metadata.Name
			if parsed[key] != nil {
				t.Errorf("two of %s", key)
			}
			parsed[key] = object
		}
	}
	return parsed
}

func readValues(t *testing.T, path string) map[string]any {
	t.Helper()
	values, err := chartutil.ReadValuesFile(path)
	must(t, err)
	return values
}

// The chart makes what the golden files say, all of which Kubernetes knows, and
// Helm finds nothing to complain of.
func TestChart(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	must(t, err)
	paths = slices.DeleteFunc(paths, func(path string) bool { return strings.HasSuffix(path, ".golden.yaml") })
	if len(paths) != 3 {
		t.Fatalf("values files %q, want 3", paths)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			values := readValues(t, path)
			files, err := render(values)
			must(t, err)
			objects(t, files)
			var all bytes.Buffer
			for _, name := range slices.Sorted(maps.Keys(files)) {
				all.WriteString("--- # " + strings.TrimPrefix(name, "flipper/") + "\n" + strings.TrimSpace(files[name]) + "\n")
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden.yaml"
			if *update {
				must(t, os.WriteFile(golden, all.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if diff := cmp.Diff(string(want), all.String()); diff != "" {
				t.Errorf("not as in %s (go test -update writes it):\n%s", golden, diff)
			}
			for _, message := range lint.All(chartDirectory, values, "apps", true).Messages {
				if message.Severity > support.InfoSev {
					t.Error(message)
				}
			}
		})
	}
}

// template returns the pods of what was rendered.
func template(t *testing.T, path string) corev1.PodTemplateSpec {
	t.Helper()
	files, err := render(readValues(t, path))
	must(t, err)
	for _, object := range objects(t, files) {
		switch object := object.(type) {
		case *appsv1.Deployment:
			return object.Spec.Template
		case *appsv1.StatefulSet:
			return object.Spec.Template
		}
	}
	t.Fatal("no pods")
	return corev1.PodTemplateSpec{}
}

func environment(container corev1.Container) map[string]corev1.EnvVar {
	variables := map[string]corev1.EnvVar{}
	for _, variable := range container.Env {
		variables[variable.Name] = variable
	}
	return variables
}

func TestPods(t *testing.T) {
	guide, err := os.ReadFile("../../docs/server.md")
	must(t, err)
	known := map[string]bool{}
	for _, match := range regexp.MustCompile("`(FLIPPER_[A-Z_]+)`").FindAllStringSubmatch(string(guide), -1) {
		known[match[1]] = true
	}
	for _, path := range []string{"testdata/file.yaml", "testdata/secret.yaml", "testdata/url.yaml"} {
		pods := template(t, path).Spec
		container := pods.Containers[0]
		variables := environment(container)
		for name := range variables {
			if !known[name] && name != "CONSUL_HTTP_TOKEN" {
				t.Errorf("%s: the server has no %s", path, name)
			}
		}
		if v := variables["FLIPPER_INSTANCE_ID"]; v.ValueFrom == nil || v.ValueFrom.FieldRef.FieldPath != "metadata.name" {
			t.Errorf("%s: the instance id is %+v", path, v)
		}
		own, security := container.SecurityContext, pods.SecurityContext
		if !*security.RunAsNonRoot || *security.RunAsUser == 0 || !*own.ReadOnlyRootFilesystem || *own.AllowPrivilegeEscalation ||
			!slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) || *pods.AutomountServiceAccountToken {
			t.Errorf("%s: the pod may do more than it needs", path)
		}
		if container.LivenessProbe.HTTPGet.Path != "/livez" || container.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: probes %+v, %+v", path, container.LivenessProbe, container.ReadinessProbe)
		}
		for _, mount := range container.VolumeMounts {
			if mount.SubPath != "" {
				t.Errorf("%s: %s is mounted by file, which is never updated", path, mount.Name)
			}
		}
	}
}

// The store's URL is in a secret and nowhere else.
func TestStore(t *testing.T) {
	secret := func(path string) *corev1.SecretKeySelector {
		return environment(template(t, path).Spec.Containers[0])["FLIPPER_STORE"].ValueFrom.SecretKeyRef
	}
	if ref := secret("testdata/secret.yaml"); ref.Name != "redis" || ref.Key != "connection" {
		t.Errorf("existing secret: %+v", ref)
	}
	if ref := secret("testdata/url.yaml"); ref.Name != "flags-store" || ref.Key != "url" {
		t.Errorf("made secret: %+v", ref)
	}
	files, err := render(readValues(t, "testdata/url.yaml"))
	must(t, err)
	made := objects(t, files)["Secret flags-store"].(*corev1.Secret)
	if made.StringData["url"] != "redis://redis:6379/0" {
		t.Errorf("made secret: %v", made.StringData)
	}
	for name, text := range files {
		if strings.Contains(text, "redis://") != strings.HasSuffix(name, "secret.yaml") {
			t.Errorf("%s has the URL, or has not", name)
		}
	}
	if v := environment(template(t, "testdata/file.yaml").Spec.Containers[0])["FLIPPER_STORE"]; v.Value != "bolt:/data/flags.db" {
		t.Errorf("file: %+v", v)
	}
}

// Values that make no sense are refused in words.
func TestRefusedValues(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{`{}`, "repository"},
		{`{image: {repository: x}}`, "set tls.existingSecret and tls.clientCertificates, or"},
		{`{image: {repository: x}, tls: {existingSecret: z}}`, "set tls.existingSecret and tls.clientCertificates, or"},
		{`{image: {repository: x}, replicas: 2}`, "a file of flags has one server"},
		{`{image: {repository: x}, store: {url: "redis://x", existingSecret: z}}`, "not both"},
		{`{image: {repository: x}, tls: {http: true}}`, "need tls.existingSecret"},
		{`{image: {repository: x}, store: {url: "bolt:/x"}}`, "url"},
		{`{image: {repository: x}, replica: 2}`, "replica"},
		{`{image: {repository: x}, log: {level: loud}}`, "level"},
		{`{image: {repository: x}, service: {port: 0}}`, "port"},
	} {
		values, err := chartutil.ReadValues([]byte(c.values))
		must(t, err)
		if _, err := render(values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.values, err, c.want)
		}
	}
}
