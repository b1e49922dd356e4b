/** The server's shapes by their names in the OpenAPI document. */
import type { components } from './schema'

export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name]
