# The table of attacks on the sandbox, in a step of a build whose `/` is the tools root. BUILDER is
# an image of the Dockerfile's stage `builder`.
ARG BUILDER
FROM ${BUILDER} AS attacked
COPY minsys-attack under-attack.sh /minsys/bin/
# With a network, which a step must not reach.
RUN ["/bin/sh", "/minsys/bin/under-attack.sh"]

FROM scratch
COPY --from=attacked /results /
