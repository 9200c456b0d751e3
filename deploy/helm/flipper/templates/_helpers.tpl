{{/*
Copyright The Flipper Authors
SPDX-License-Identifier: Apache-2.0
*/}}

{{- define "flipper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of what is made. 52 characters leave room for what a StatefulSet adds. */}}
{{- define "flipper.fullname" -}}
{{- $name := include "flipper.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "flipper.selectorLabels" -}}
app.kubernetes.io/name: {{ include "flipper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "flipper.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "flipper.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "flipper.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "flipper.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Whether the flags are in a file. */}}
{{- define "flipper.inFile" -}}
{{- if not (or .Values.store.url .Values.store.existingSecret) }}true{{ end }}
{{- end }}

{{/* What values must not be together. */}}
{{- define "flipper.check" -}}
{{- if and .Values.store.url .Values.store.existingSecret }}
{{- fail "set store.url or store.existingSecret, not both" }}
{{- end }}
{{- if and (include "flipper.inFile" .) (gt (int .Values.replicas) 1) }}
{{- fail "a file of flags has one server: for more replicas set store.url or store.existingSecret" }}
{{- end }}
{{- if and (or .Values.tls.clientCertificates .Values.tls.http) (not .Values.tls.existingSecret) }}
{{- fail "tls.clientCertificates and tls.http need tls.existingSecret" }}
{{- end }}
{{- if not (or .Values.insecure (and .Values.tls.existingSecret .Values.tls.clientCertificates)) }}
{{- fail "whoever reaches the service could change flags: set tls.existingSecret and tls.clientCertificates, or, if all that reach it are trusted, insecure" }}
{{- end }}
{{- end }}

{{- define "flipper.httpScheme" -}}
{{- if .Values.tls.http }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- define "flipper.podTemplate" -}}
metadata:
  labels:
    {{- include "flipper.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.store.url .Values.podAnnotations }}
  annotations:
    {{- if .Values.store.url }}
    # New pods when the URL changes.
    checksum/store: {{ .Values.store.url | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "flipper.serviceAccountName" . }}
  automountServiceAccountToken: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  # Longer than the server takes to finish the calls in flight.
  terminationGracePeriodSeconds: {{ add .Values.shutdownTimeoutSeconds 5 }}
  containers:
    - name: flipper
      image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      ports:
        - name: thrift
          containerPort: 9090
        - name: http
          containerPort: 9091
      env:
        - name: FLIPPER_LISTEN
          value: ":9090"
        - name: FLIPPER_HTTP
          value: ":9091"
        - name: FLIPPER_STORE
          {{- if include "flipper.inFile" . }}
          value: bolt:/data/flags.db
          {{- else }}
          valueFrom:
            secretKeyRef:
              name: {{ default (printf "%s-store" (include "flipper.fullname" .)) .Values.store.existingSecret }}
              key: {{ if .Values.store.existingSecret }}{{ .Values.store.existingSecretKey }}{{ else }}url{{ end }}
          {{- end }}
        - name: FLIPPER_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: FLIPPER_APP_NAME
          value: {{ .Values.appName | quote }}
        {{- with .Values.environment }}
        - name: FLIPPER_ENVIRONMENT
          value: {{ . | quote }}
        {{- end }}
        - name: FLIPPER_LOG_LEVEL
          value: {{ .Values.log.level }}
        - name: FLIPPER_LOG_FORMAT
          value: {{ .Values.log.format }}
        - name: FLIPPER_SHUTDOWN_TIMEOUT
          value: {{ printf "%ds" (int .Values.shutdownTimeoutSeconds) }}
        {{- if .Values.insecure }}
        - name: FLIPPER_INSECURE
          value: "true"
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: FLIPPER_TLS_CERT
          value: /etc/flipper/tls/tls.crt
        - name: FLIPPER_TLS_KEY
          value: /etc/flipper/tls/tls.key
        {{- if .Values.tls.clientCertificates }}
        - name: FLIPPER_TLS_CLIENT_CA
          value: /etc/flipper/tls/ca.crt
        {{- end }}
        {{- if .Values.tls.http }}
        - name: FLIPPER_HTTP_TLS
          value: "true"
        {{- end }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      livenessProbe:
        httpGet:
          path: /livez
          port: http
          scheme: {{ include "flipper.httpScheme" . }}
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
          scheme: {{ include "flipper.httpScheme" . }}
        periodSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if or (include "flipper.inFile" .) .Values.tls.existingSecret }}
      volumeMounts:
        {{- if include "flipper.inFile" . }}
        - name: data
          mountPath: /data
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        # The directory, not its files: only that is kept up to date.
        - name: tls
          mountPath: /etc/flipper/tls
          readOnly: true
        {{- end }}
      {{- end }}
  {{- if .Values.tls.existingSecret }}
  volumes:
    - name: tls
      secret:
        secretName: {{ .Values.tls.existingSecret }}
        defaultMode: 0440
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
