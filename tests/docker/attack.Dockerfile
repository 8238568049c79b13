# The table of attacks on the sandbox, in a step of a build whose `/` is the tools root. BUILDER is
# an image of the Dockerfile's stage `builder`.
ARG BUILDER
FROM ${BUILDER} AS attacked
COPY busybox /usr/bin/busybox
COPY attack busybox table table.sh under-attack.sh /minsys/
# With a network, which a step must not reach.
RUN ["/minsys/busybox", "sh", "/minsys/under-attack.sh"]

FROM scratch
COPY --from=attacked /results /
